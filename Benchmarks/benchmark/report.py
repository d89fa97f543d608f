"""The results as an aligned table for a terminal and as Markdown."""

from .bars import HAPROXY, verdicts
from .figures import GROUPS


def _cell(results, proxy, figure):
    value = results.median(proxy, figure.key)
    if value is None:
        return ""
    text = f"{value:,.{figure.decimals}f}"
    reference = results.median(HAPROXY, figure.key)
    if figure.ratio and reference and reference > 0 and proxy != HAPROXY:
        text += f" ({value / reference:.2f}×)"
    return text


def groups(results, proxies):
    """Title of a table and its rows of a title and cells, without rows and columns that are empty."""
    for title, figures in GROUPS:
        rows = [(figure.title, [_cell(results, proxy, figure) for proxy in proxies]) for figure in figures]
        rows = [row for row in rows if any(row[1])]
        used = [column for column in range(len(proxies)) if any(cells[column] for _, cells in rows)]
        if rows:
            yield title, [proxies[column] for column in used], [
                (name, [cells[column] for column in used]) for name, cells in rows]


def bar_rows(results):
    """Cells of the table of bars."""
    for bar, value, limit, reference in verdicts(results):
        times = "" if not reference else f"{bar.times:g} × {reference}" if bar.times != 1 else f"{reference}"
        decimals = 0 if bar.unit == "bytes" else 1
        shown = f"≤ {limit:,.{decimals}f} {bar.unit}" if limit is not None else "not measured"
        ratio = f"{value / limit:.2f}" if limit and limit > 0 else ""
        reached = "" if limit is None else "reached" if value <= limit else "**not reached**"
        yield [bar.title, f"{value:,.{decimals}f} {bar.unit}", shown, times, ratio, reached]


BAR_HEADINGS = ["figure", "weir", "bar", "which is", "weir / bar", ""]


def _aligned(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        first, *others = (cell.ljust(width) if not column else cell.rjust(width)
                          for column, (cell, width) in enumerate(zip(row, widths)))
        yield "  " + "  ".join([first, *others]).rstrip()


def terminal(results, proxies):
    lines = []
    for title, names, rows in groups(results, proxies):
        lines += [title, *_aligned([["", *names], *([name, *cells] for name, cells in rows)]), ""]
    bars = list(bar_rows(results))
    if bars:
        plain = [[cell.replace("*", "") for cell in row] for row in bars]
        lines += ["Bars", *_aligned([BAR_HEADINGS, *plain]), ""]
    return "\n".join(lines)


def _table(headings, rows, alignment="---:"):
    yield "| " + " | ".join(headings) + " |"
    yield "|---|" + f"{alignment}|" * (len(headings) - 1)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def markdown(results, proxies, notes):
    """The page: bars, tables, and how it was measured."""
    out = [
        "# Performance", "",
        "Written by `make bench`, which measures again. Absolute times belong to the machine below; ratios and counts"
        " travel. In brackets: times the value of HAProxy. Empty: the proxy cannot do it, or see the remarks.", "",
    ]
    bars = list(bar_rows(results))
    if bars:
        out += ["## What weir is to reach", "", *_table(BAR_HEADINGS, bars), ""]
    out += ["## Figures", ""]
    for title, names, rows in groups(results, proxies):
        out += [f"### {title}", "", *_table(["", *names], [[name, *cells] for name, cells in rows]), ""]
    out += ["## How it was measured", "", *(f"- {note}" for note in notes)]
    if results.system_calls:
        headings = ["proxy", "exchange", "calls per exchange"]
        out += ["", "## System calls by name", "", *_table(headings, results.system_calls, "---")]
    if results.remarks:
        out += ["", "## Remarks", "", *(f"- {remark}" for remark in results.remarks)]
    return "\n".join(out) + "\n"
