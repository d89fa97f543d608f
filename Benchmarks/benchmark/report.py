"""The results as an aligned table for a terminal and as Markdown."""

from .figures import GROUPS

REFERENCE = "haproxy"

SET_UP = {
    "weir": "with its defaults but for how many connections may be parked and how long",
    "haproxy": "with nbthread 1, http-reuse always and one fixed server",
    "squid": "with one worker, without cache and logs",
    "tinyproxy": "with its defaults but hardly any log; it keeps no connection, so it is only in one-shot",
}


def _cell(results, proxy, figure):
    value = results.median(proxy, figure.key)
    if value is None:
        return "-"
    text = f"{value:,.{figure.decimals}f}"
    reference = results.median(REFERENCE, figure.key)
    if figure.ratio and reference and proxy != REFERENCE:
        text += f" ({value / reference:.2f}×)"
    return text


def _rows(results, proxies):
    for title, figures in GROUPS:
        yield title, None
        for figure in figures:
            cells = [_cell(results, proxy, figure) for proxy in proxies]
            if any(cell != "-" for cell in cells):
                yield figure.title, cells


def terminal(results, proxies):
    rows = list(_rows(results, proxies))
    first = max(len(title) for title, _ in rows) + 2
    widths = [
        max(len(name), *(len(cells[column]) for _, cells in rows if cells))
        for column, name in enumerate(proxies)
    ]
    lines = [" " * (first + 2) + "  ".join(name.rjust(width) for name, width in zip(proxies, widths))]
    for title, cells in rows:
        if cells is None:
            lines.append(title)
        else:
            lines.append(f"  {title:<{first}}" + "  ".join(c.rjust(w) for c, w in zip(cells, widths)))
    return "\n".join(lines)


def notes(results, proxies, description, cores, rounds, others):
    """What the table leaves open, a sentence or two a line."""
    count = "one round" if rounds == 1 else f"medians of {rounds} interleaved rounds"
    lines = [
        f"Machine: {description}.",
        f"Pinned: {cores}. {count[0].upper()}{count[1:]}; in brackets, times the value of HAProxy.",
        others,
        "Load: wrk, 64 connections, a 64-byte body from nginx, absolute-form over plain HTTP. CPU is utime +"
        " stime of all processes of the proxy. Opened upstream connections include those of the warm-up.",
        "Set up: " + "; ".join(f"{proxy} {SET_UP[proxy]}" for proxy in proxies) + ".",
        "System calls come from one run of their own under strace, which slows the proxy down.",
    ]
    for proxy in proxies:
        spread = results.spread(proxy, "keep_alive.cpu")
        if rounds > 1 and spread:
            low, high = spread
            lines.append(f"CPU per keep-alive request of {proxy} by round: {low:.1f} to {high:.1f} µs.")
    return lines + [f"{remark[0].upper()}{remark[1:]}." for remark in results.remarks]


def markdown(results, proxies, lines, command):
    out = ["# Benchmark", "", "```", command, "```", ""]
    out += [f"- {line}" for line in lines]
    out += ["", "| | " + " | ".join(proxies) + " |", "|---|" + "---:|" * len(proxies)]
    for title, cells in _rows(results, proxies):
        if cells is None:
            out.append(f"| **{title}** |" + " |" * len(proxies))
        else:
            out.append(f"| {title.strip()} | " + " | ".join(cells) + " |")
    return "\n".join(out) + "\n"
