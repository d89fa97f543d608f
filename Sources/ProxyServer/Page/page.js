'use strict';
// Draws /overview every two seconds, and the curves of /history. Whatever weir says of clients and origins becomes
// text by way of textContent; nothing here makes markup of it, and the page's Trusted Types would refuse.

const PERIOD = 2000, MINUTE = 30;
const RANGES = [['1 min', 60], ['3 min', 180], ['1 h', 3600], ['6 h', 21600], ['24 h', 86400]];
const HELP = {
  ports: 'Each connection holds a port of whoever opened it. All ports from one address to another are one budget, some 28,000; when it is spent, connecting fails.',
  client: 'Ports that this host’s apps hold towards weir. An app that leaks connections spends them.',
  upstream: 'Ports that weir holds towards the address to which it holds most, TIME_WAIT included.',
  leaks: 'Apps that open a connection for each request and leave it lying. weir announces the close to them alone and ends what they leave behind.',
  owners: 'Who holds the client connections: a unit, container or user of this host, or else an address. The worst first.',
  pool: 'Upstream connections that weir keeps, by host and port. Those with most connections and waiters first.',
  requests: 'Requests and tunnels begun per second.',
  errors: 'Exchanges and tunnels per second that failed: refused, timed out, broken off, malformed. Clients that leave and tunnels that end are not among them.',
  latency: 'From the head of a request to the end of its answer, over the last minute. Half of the exchanges took no longer than the first figure, 99 of 100 no longer than the second.',
  clients: 'Connections that apps hold to weir now. Parked ones wait between two requests.',
  upstreams: 'Connections that weir holds to origins now: leased to an exchange, idle in the pool, or being dialled.',
  queue: 'Requests that wait for an upstream connection because a bound is reached or a dial is under way.',
  tunnels: 'CONNECT tunnels and redirected connections, dials included. Quiet ones have carried nothing lately.',
  bytes: 'Bytes relayed per second, towards origins and towards apps.',
  outcomes: 'How exchanges and tunnels ended: over the last minute, and since weir started.',
  owner: 'systemd unit or control group, user, or address.',
  verdict: 'Leaking: nearly every connection served one request and was left lying. Churning: the app closes each after one request. Drawn from its last 32 connections.',
  held: 'Ports it holds: its connections to weir, and one more for each tunnel.',
  opened: 'Connections it has opened since it was first seen.',
  oneshot: 'Share of its connections that carried no second request.',
  parked: 'Its connections that wait between two requests.',
  open: 'Its tunnels, and those of them that are quiet.',
  stalled: 'Its connections whose answers it does not read.',
  reaped: 'Connections and tunnels that weir ended because of the leak.',
  since: 'For how long the verdict has held.',
  origin: 'Host and port.',
  kind: 'http: pooled and reused. tunnel: relayed, never reused. intercepted: redirected and pooled by the address dialled.',
  leased: 'In use by an exchange or tunnel.',
  idle: 'Kept for the next request.',
  dialling: 'Being connected.',
  waiting: 'Requests waiting for a connection there.',
};

const $ = (id) => document.getElementById(id);
const state = { now: null, past: [], fine: [], coarse: [], start: 0, range: 180, historyAt: 0, failed: 0 };

// Elements

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === 'help') { node.dataset.help = value; node.tabIndex = 0; }
    else if (name === 'width') node.style.width = value;
    else node.setAttribute(name, value);
  }
  for (const child of children) if (child !== null) node.append(child);
  return node;
}

function fill(id, ...children) { $(id).replaceChildren(...children.filter((c) => c !== null)); }

function table(columns, rows, empty) {
  if (rows.length === 0) return el('p', { class: 'none' }, empty);
  const head = el('tr', {}, ...columns.map(([name, help, kind]) => el('th', { help, class: kind || '', scope: 'col' }, name)));
  const body = rows.map((cells) => el('tr', {}, ...cells.map((cell, i) => {
    const content = cell instanceof Node ? cell : String(cell);
    const td = el('td', { class: (columns[i][2] || '') + (cell === '0' ? ' zero' : '') }, content);
    if (i === 0) td.title = cell instanceof Node ? '' : String(cell);
    return td;
  })));
  return el('table', {}, el('thead', {}, head), el('tbody', {}, ...body));
}

// Words

const whole = (n) => Math.round(n).toLocaleString('en-US');
const some = (n) => n >= 100 ? whole(n) : n >= 10 ? n.toFixed(0) : n >= 0.05 ? n.toFixed(1) : '0';
const plural = (n, word) => `${whole(n)} ${word}${n === 1 ? '' : 's'}`;

function span(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min` + (s < 600 && s % 60 ? ` ${s % 60} s` : '');
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

function bytes(n) {
  let unit = 'B';
  for (const next of ['KiB', 'MiB', 'GiB', 'TiB']) { if (n < 1024) break; n /= 1024; unit = next; }
  return `${n < 10 && unit !== 'B' ? n.toFixed(1) : whole(n)} ${unit}`;
}

function bound(bucket, scale) {
  if (bucket < 0) return '–';
  const last = scale.length;
  const us = bucket < last ? scale[bucket] : scale[last - 1];
  const text = us < 1000 ? `${us} µs` : us < 1e6 ? `${us / 1000} ms` : `${some(us / 1e6)} s`;
  return (bucket < last ? '≤ ' : '> ') + text;
}

function ownerName(owner) {
  const group = owner.cgroup && owner.cgroup !== '/' ? owner.cgroup.split('/').pop() : null;
  return owner.unit || group || (owner.user ? `user ${owner.user}` : null) || (owner.uid !== null ? `uid ${owner.uid}` : owner.address) || 'unknown';
}

const tone = { healthy: 'good', churning: 'calm', leaking: 'warn' };

// Numbers of the last minute, from two overviews

function quantile(counts, share) {
  const total = counts.reduce((sum, n) => sum + n, 0);
  if (total <= 0) return -1;
  let sum = 0;
  return counts.findIndex((n) => (sum += n) >= total * share);
}

function difference(now, then) {
  const seconds = Math.max(0.5, now.uptime - then.uptime);
  const counters = now.counters, former = then.counters, outcomes = {};
  for (const [name, count] of Object.entries(counters.outcomes)) outcomes[name] = count - (former.outcomes[name] || 0);
  const rate = (name) => (counters[name] - former[name]) / seconds;
  return { seconds, outcomes, requests: rate('requests'), failures: rate('failures'),
    up: rate('bytes_up'), down: rate('bytes_down'), refused: counters.queue_refusals - former.queue_refusals,
    ended: Object.values(outcomes).reduce((sum, n) => sum + n, 0), failed: counters.failures - former.failures,
    durations: now.durations.counts.map((n, i) => n - (then.durations.counts[i] || 0)) };
}

// Curves

/** The values of a column over the range, in steps of equal length; null where weir did not run. */
function resample(column, kind) {
  const uptime = state.now.uptime, isFine = state.range <= 180;
  const entries = isFine ? state.fine : state.coarse, step = isFine ? 2 : 120;
  const count = Math.min(180, Math.round(state.range / step)), width = state.range / count;
  const from = uptime - state.range, values = [];
  let first = 0;
  for (let i = 0; i < count; i++) {
    const a = from + i * width, b = a + width;
    if (b < 0) { values.push(null); continue; }
    while (first + 1 < entries.length && entries[first + 1].second <= a) first++;
    let value = kind === 'bucket' ? null : 0;
    for (let j = first; j < entries.length && entries[j].second < b; j++) {
      const entry = entries[j], own = entry.second + (entry.step || step);
      if (kind === 'rate') {
        const overlap = Math.min(b, own) - Math.max(a, entry.second);
        if (overlap > 0) value += entry[column] * overlap / (entry.step || step) / width;
      } else if (kind === 'bucket') {
        if (own > a && entry[column] >= 0) value = Math.max(value === null ? -1 : value, entry[column]);
      } else value = Math.max(value, entry[column]);
    }
    values.push(value);
  }
  return values;
}

const SVG = 'http://www.w3.org/2000/svg';

function curve(column, kind, show) {
  const values = resample(column, kind), top = Math.max(...values.map((v) => v === null ? 0 : v));
  const scale = kind === 'bucket' ? 22 : Math.max(top, 1), n = values.length, H = 44;
  const y = (v) => (H - 2 - v / scale * (H - 6)).toFixed(1);
  let line = '', area = '', open = -1;
  values.forEach((v, i) => {
    if (v === null) { if (open >= 0) area += `L${i} ${H}Z`; open = -1; return; }
    line += `${open < 0 ? 'M' : 'L'}${i} ${y(v)}L${i + 1} ${y(v)}`;
    area += open < 0 ? `M${i} ${H}L${i} ${y(v)}L${i + 1} ${y(v)}` : `L${i} ${y(v)}L${i + 1} ${y(v)}`;
    if (open < 0) open = i;
  });
  if (open >= 0) area += `L${n} ${H}Z`;
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${n} ${H}`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `at most ${show(kind === 'bucket' && values.every((v) => v === null) ? -1 : top)}`);
  for (const [name, d] of [['area', area], ['line', line]]) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('class', name);
    path.setAttribute('d', d);
    svg.append(path);
  }
  const box = el('div', { class: 'curve' }, svg, el('div', { class: 'axis' },
    el('span', {}, `${RANGES.find(([, s]) => s === state.range)[0]} ago`),
    el('span', {}, top > 0 ? `max ${show(top)}` : '')));
  box.addEventListener('pointermove', (event) => {
    const frame = svg.getBoundingClientRect();
    const i = Math.min(n - 1, Math.max(0, Math.floor((event.clientX - frame.left) / frame.width * n)));
    const at = new Date((state.start + state.now.uptime - state.range * (1 - (i + .5) / n)) * 1000);
    const time = at.toLocaleTimeString([], { hour12: false });
    tip(`${time}: ${values[i] === null ? 'nothing known' : show(values[i])}`, event.clientX, frame.top);
  });
  box.addEventListener('pointerleave', () => { $('tip').hidden = true; });
  return box;
}

// Parts of the page

function tile(name, help, value, unit, note, chart, noteTone) {
  return el('div', { class: 'tile' }, el('span', { class: 'name', help: HELP[help] }, name),
    el('span', { class: 'value' }, value, unit ? el('small', {}, ` ${unit}`) : ''),
    el('span', { class: `note ${noteTone || ''}` }, note), chart);
}

function hop(title, name, use, column) {
  const share = use.limit ? use.used / use.limit : 0, left = use.seconds_to_exhaustion;
  const isNear = left !== null && left < 3600, isBad = share >= .9 || (left !== null && left < 600);
  const color = isBad ? 'bad' : share >= .5 || isNear ? 'warn' : '';
  const growth = Math.abs(use.growth_per_second) >= .05
    ? `${use.growth_per_second > 0 ? '+' : '−'}${some(Math.abs(use.growth_per_second))} a second` : 'steady';
  const end = use.limit === null ? 'no limit on this hop' : left === null || left > 86400 ? 'not running out' : `out in ${span(left)}`;
  return el('div', { class: 'tile' }, el('span', { class: 'name', help: HELP[name] }, title),
    el('span', { class: 'value' }, whole(use.used), use.limit ? el('small', {}, ` of ${whole(use.limit)}`) : ''),
    el('div', { class: `meter ${color}` }, el('i', { width: `${Math.min(100, share * 100)}%` })),
    el('span', { class: `note ${color}` }, `${end}, ${growth}` + (use.time_waits ? `, ${plural(use.time_waits, 'TIME_WAIT')}` : '')),
    curve(column, 'gauge', whole));
}

function judge(now, minute) {
  const leaking = now.owners.filter((owner) => owner.verdict === 'leaking');
  const hops = [['from the apps to weir', now.ports.client], ['from weir to an origin', now.ports.upstream]];
  for (const [where, use] of hops) {
    const left = use.seconds_to_exhaustion;
    if (use.limit && (use.used >= use.limit * .9 || (left !== null && left < 600))) {
      return ['bad', '!', left === null ? `Ports ${where} are nearly spent` : `Ports ${where} run out in ${span(left)}`,
        `${whole(use.used)} of ${whole(use.limit)} are taken.` + (leaking.length ? ` ${ownerName(leaking[0])} leaks ${plural(leaking[0].ports, 'port')}.` : '')];
    }
  }
  if (leaking.length > 0) {
    const count = now.clients.owners_leaking || leaking.length;
    return ['warn', '!', `Leaking: ${ownerName(leaking[0])} holds ${plural(leaking[0].ports, 'port')}`,
      (count > 1 ? `${plural(count - 1, 'other')} too. ` : '') + `${plural(leaking[0].reaped, 'connection')} ended so far; it has opened ${whole(leaking[0].opened)}.`];
  }
  if (now.queue.waiting > 0 && minute && (minute.refused > 0 || now.queue.waiting >= 10)) {
    return ['warn', '!', `${plural(now.queue.waiting, 'request')} waiting for a connection`,
      minute.refused > 0 ? `${whole(minute.refused)} turned away in the last minute.` : 'A bound is reached, or an origin answers slowly.'];
  }
  if (minute && minute.failed >= 5 && minute.failed > minute.ended * .05) {
    const worst = now.counters.failing.map((name) => [name, minute.outcomes[name]]).sort((a, b) => b[1] - a[1])[0];
    return ['warn', '!', `${Math.round(100 * minute.failed / minute.ended)} % of the exchanges failed`, `Most often ${worst[0]}, ${whole(worst[1])} times in the last minute.`];
  }
  if (now.state === 'draining') return ['calm', '↓', 'Draining', `${plural(now.clients.total, 'client')} left; each response says Connection: close.`];
  return ['good', '✓', 'Healthy', now.clients.total === 0 ? 'No app is connected.'
    : `${plural(now.clients.total, 'connection')} of ${plural(now.clients.owners, 'app')}; nobody leaks, no port runs short.`];
}

function drawTiles(now, minute, recent) {
  const c = now.clients, scale = now.durations.bounds_us, m = minute || { requests: 0, failures: 0, up: 0, down: 0, ended: 0, failed: 0, durations: [] };
  const live = recent || m, median = quantile(m.durations, .5), slow = quantile(m.durations, .99);
  const share = m.ended > 0 ? 100 * m.failed / m.ended : 0;
  const of = (limit) => limit === null ? '' : `of ${whole(limit)}`;
  fill('tiles',
    tile('Requests', 'requests', some(live.requests), 'a second', `${whole(now.counters.requests)} since start`, curve('requests', 'rate', (n) => `${some(n)}/s`)),
    tile('Errors', 'errors', some(live.failures), 'a second', m.ended ? `${some(share)} % of the last minute` : 'none lately', curve('failures', 'rate', (n) => `${some(n)}/s`), share >= 5 ? 'warn' : ''),
    tile('Latency', 'latency', bound(median, scale), '', slow < 0 ? 'no exchange ended' : `99 in 100 ${bound(slow, scale)}`, curve('slow_bucket', 'bucket', (b) => bound(b, scale))),
    tile('Throughput', 'bytes', bytes(live.down), 'a second', `down, ${bytes(live.up)} up`, curve('kibibytes', 'rate', (n) => `${bytes(n * 1024)}/s`)),
    tile('Client connections', 'clients', whole(c.total), of(c.limit), `${whole(c.parked)} parked, ${whole(c.exchanging + c.waiting)} busy`, curve('clients', 'gauge', whole)),
    tile('Upstream connections', 'upstreams', whole(now.pool.connections), of(now.pool.limit), `${whole(now.pool.idle)} idle, ${whole(now.pool.leased)} leased, ${whole(now.pool.dialling)} dialling`, curve('upstreams', 'gauge', whole)),
    tile('Queue', 'queue', whole(now.queue.waiting), of(now.queue.limit), `${whole(now.counters.queue_refusals)} turned away since start`, curve('waiting', 'gauge', whole), now.queue.waiting ? 'warn' : ''),
    tile('Tunnels', 'tunnels', whole(now.tunnels.open), of(now.tunnels.limit), `${whole(now.quiet_tunnels)} quiet`, curve('tunnels', 'gauge', whole)));
}

function drawLeaks(now) {
  const found = now.owners.filter((owner) => owner.verdict !== 'healthy').slice(0, 8);
  const rest = now.clients.owners_leaking + now.clients.owners_churning - found.length;
  if (found.length === 0) return fill('leaks', el('p', { class: 'card none' }, 'Nobody leaks.'));
  fill('leaks', ...found.map((owner) => {
    const process = owner.processes[0], worst = owner.destinations.filter((d) => d.verdict === 'leaking').slice(0, 3);
    return el('div', { class: `leak ${tone[owner.verdict]}` },
      el('p', { class: 'who' }, el('b', {}, ownerName(owner)), el('span', { class: 'tag' }, owner.verdict),
        el('span', { class: 'name' }, `holds ${plural(owner.ports, 'port')}, opened ${whole(owner.opened)}, ${whole(owner.reaped)} ended by weir, for ${span(owner.since_seconds)}`)),
      worst.length ? el('p', { class: 'name' }, 'to ' + worst.map((d) => `${d.destination} (${plural(d.tunnels, 'tunnel')}, ${whole(d.quiet)} quiet)`).join(', ')) : null,
      process || owner.agent ? el('p', { class: 'name' }, [process ? `process ${process.pid} ${process.executable || process.command || ''}` : '', owner.agent || ''].filter(Boolean).join(' · ')) : null,
      owner.remedy ? el('p', { class: 'remedy' }, owner.remedy) : null);
  }), rest > 0 ? el('p', { class: 'none' }, `and ${whole(rest)} more`) : null);
}

function drawTables(now) {
  const owners = now.owners.map((owner) => [ownerName(owner), el('span', { class: `tag ${tone[owner.verdict]}` }, owner.verdict),
    whole(owner.ports), whole(owner.opened), `${Math.round(owner.one_shot_share * 100)} %`, whole(owner.parked),
    owner.quiet ? `${whole(owner.tunnels)} (${whole(owner.quiet)})` : whole(owner.tunnels), whole(owner.stalled), whole(owner.reaped), span(owner.since_seconds)]);
  fill('owners', table([['Owner', HELP.owner], ['Verdict', HELP.verdict, 'text'], ['Ports', HELP.held], ['Opened', HELP.opened], ['One-shot', HELP.oneshot],
    ['Parked', HELP.parked], ['Tunnels', HELP.open], ['Unread', HELP.stalled], ['Reaped', HELP.reaped], ['Since', HELP.since]], owners, 'No app has been seen yet.'),
    now.owners_left_out ? el('p', { class: 'more' }, `and ${whole(now.owners_left_out)} more`) : null);
  const origins = now.pool.by_origin.map((o) => [o.host ? `${o.host} at ${o.origin}` : o.origin, o.kind, whole(o.leased), whole(o.idle), whole(o.dialling), whole(o.waiting)]);
  fill('pool', table([['Origin', HELP.origin], ['Kind', HELP.kind, 'text'], ['Leased', HELP.leased], ['Idle', HELP.idle], ['Dialling', HELP.dialling], ['Waiting', HELP.waiting]],
    origins, 'No connection to any origin.'), now.pool.origins_left_out ? el('p', { class: 'more' }, `and ${whole(now.pool.origins_left_out)} smaller ones`) : null);
}

function bars(rows) {
  const top = Math.max(1, ...rows.map(([, n]) => n));
  return el('div', { class: 'bars' }, ...rows.flatMap(([name, n, text, color]) =>
    [el('span', {}, name), el('div', { class: `bar ${color}` }, el('i', { width: `${100 * n / top}%` })), el('span', {}, text)]));
}

function drawBars(now, minute) {
  const scale = now.durations.bounds_us;
  const isRecent = minute && minute.durations.some((n) => n > 0);
  const counts = isRecent ? minute.durations : now.durations.counts;
  const used = counts.map((n, i) => i).filter((i) => counts[i] > 0);
  const shown = used.length ? counts.map((n, i) => [bound(i, scale), n, whole(n), '']).slice(used[0], used[used.length - 1] + 1) : [];
  fill('latency', shown.length ? el('p', { class: 'note' }, isRecent ? 'Exchanges of the last minute' : 'Exchanges since start') : null,
    shown.length ? bars(shown) : el('p', { class: 'note' }, 'No exchange has ended yet.'));
  const failing = new Set(now.counters.failing);
  const rows = Object.entries(now.counters.outcomes).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1])
    .map(([name, n]) => [name.replaceAll('_', ' '), n, (minute && minute.outcomes[name] ? `${whole(minute.outcomes[name])} · ` : '0 · ') + whole(n), failing.has(name) ? 'bad' : '']);
  fill('outcomes', rows.length ? el('p', { class: 'note' }, 'In the last minute · since start') : null, rows.length ? bars(rows) : el('p', { class: 'note' }, 'Nothing has ended yet.'));
}

function draw() {
  const now = state.now;
  if (!now) return;
  const oldest = state.past[0], former = state.past[state.past.length - 3] || oldest;
  const minute = oldest && oldest !== now ? difference(now, oldest) : null;
  const recent = former && former !== now ? difference(now, former) : null;
  const [color, mark, headline, detail] = judge(now, minute);
  $('verdict').className = color;
  if ($('headline').textContent !== headline) $('headline').textContent = headline;
  $('mark').textContent = mark;
  $('detail').textContent = detail;
  document.title = `${color === 'good' ? '' : mark + ' '}weir: ${headline}`;
  $('facts').textContent = `${now.version}, ${now.state}, up ${span(now.uptime)}`;
  const p = now.process;
  $('process').textContent = [`process ${now.pid}`, now.listen.length ? `serving on ${now.listen.join(', ')}` : 'accepting nothing',
    p.descriptors !== undefined ? `${whole(p.descriptors)}${p.descriptor_limit ? ` of ${whole(p.descriptor_limit)}` : ''} descriptors` : '',
    p.resident_bytes !== undefined ? `${bytes(p.resident_bytes)} resident` : '', p.processor_time !== undefined ? `${span(p.processor_time)} of CPU` : ''].filter(Boolean).join(' · ');
  const held = document.activeElement && document.activeElement.dataset.help;
  fill('hops', hop('From the apps to weir', 'client', now.ports.client, 'client_ports'), hop('From weir to the busiest origin', 'upstream', now.ports.upstream, 'upstream_ports'));
  drawTiles(now, minute, recent);
  drawLeaks(now);
  drawTables(now);
  drawBars(now, minute);
  // What was drawn anew has lost the focus.
  if (held && document.activeElement === document.body) {
    const same = [...document.querySelectorAll('[data-help]')].find((node) => node.dataset.help === held);
    if (same) same.focus({ preventScroll: true });
  }
}

// Asking

async function ask(path) {
  const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.json();
}

async function askHistory() {
  const history = await ask('/history');
  const named = (row) => Object.fromEntries(row.map((value, i) => [history.columns[i], value]));
  state.fine = history.fine.entries.map(named);
  state.coarse = history.coarse.entries.map(named);
  state.start = Date.now() / 1000 - history.uptime;
  state.historyAt = history.uptime;
}

/** What /history would have as its newest entry. */
function append(now, former) {
  const change = difference(now, former);
  state.fine.push({ second: former.uptime, step: change.seconds, client_ports: now.ports.client.used, upstream_ports: now.ports.upstream.used,
    clients: now.clients.total, upstreams: now.pool.connections, waiting: now.queue.waiting, tunnels: now.tunnels.open,
    requests: change.requests * change.seconds, failures: change.failures * change.seconds, kibibytes: (change.up + change.down) * change.seconds / 1024,
    median_bucket: quantile(change.durations, .5), slow_bucket: quantile(change.durations, .99) });
  while (state.fine.length > 200) state.fine.shift();
}

async function refresh() {
  try {
    const now = await ask('/overview'), former = state.now;
    const isNew = !former || former.pid !== now.pid || now.uptime < former.uptime || now.uptime - former.uptime > 10;
    if (isNew) state.past = [];
    if (isNew || now.uptime - state.historyAt > 120) await askHistory(); else append(now, former);
    state.now = now;
    state.past.push(now);
    while (state.past.length > MINUTE + 1) state.past.shift();
    state.failed = 0;
    draw();
    $('pulse').className = '';
    $('pulse').textContent = `live, ${new Date().toLocaleTimeString([], { hour12: false })}`;
  } catch (error) {
    state.failed += 1;
    $('pulse').className = 'late';
    $('pulse').textContent = `no answer: ${error.message}`;
    if (state.failed > 1) {
      $('verdict').className = 'bad';
      $('headline').textContent = 'weir does not answer';
      $('detail').textContent = 'What is shown below is the last that was known.';
    }
  }
}

async function live() {
  for (;;) {
    if (!document.hidden) await refresh();
    await new Promise((resolve) => setTimeout(resolve, PERIOD));
  }
}

// What things mean, on hover, focus and tap

function tip(text, x, y) {
  const box = $('tip');
  box.textContent = text;
  box.hidden = false;
  const size = box.getBoundingClientRect();
  box.style.left = `${Math.max(8, Math.min(x - size.width / 2, innerWidth - size.width - 8))}px`;
  box.style.top = `${y - size.height - 8 > 4 ? y - size.height - 8 : y + 28}px`;
}

function explain(event) {
  const node = event.target instanceof Element ? event.target.closest('[data-help]') : null;
  if (!node) { if (event.type !== 'focusin') $('tip').hidden = true; return; }
  const frame = node.getBoundingClientRect();
  node.setAttribute('aria-describedby', 'tip');
  tip(node.dataset.help, frame.left + frame.width / 2, frame.top);
}

for (const node of document.querySelectorAll('[data-help]')) {
  node.dataset.help = HELP[node.dataset.help];
  node.tabIndex = 0;
}
for (const kind of ['pointerover', 'focusin', 'click']) document.addEventListener(kind, explain);
document.addEventListener('focusout', () => { $('tip').hidden = true; });
document.addEventListener('keydown', (event) => { if (event.key === 'Escape') $('tip').hidden = true; });
document.addEventListener('scroll', () => { $('tip').hidden = true; }, { passive: true });

fill('ranges', ...RANGES.map(([name, seconds]) => {
  const button = el('button', { type: 'button', 'aria-pressed': String(seconds === state.range) }, name);
  button.addEventListener('click', () => {
    state.range = seconds;
    for (const other of $('ranges').children) other.setAttribute('aria-pressed', String(other === button));
    draw();
  });
  return button;
}));
live();
