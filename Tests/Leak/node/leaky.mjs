// A Node app that makes a new keep-alive Agent for every request and keeps every one. The core modules know no
// proxies, so it has the few lines that everybody writes: an absolute target for http, CONNECT for https.
// Usage: URL COUNT RATE; the proxy is http_proxy. The result is one JSON line; then the process keeps what it
// holds until its standard input ends.
import http from "node:http";
import https from "node:https";
import tls from "node:tls";

const [url, count, rate] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const proxy = process.env.http_proxy ? new URL(process.env.http_proxy) : null;
const target = new URL(url);
const secure = target.protocol === "https:";
const patience = 15000;
const kept = [];

class TunnelAgent extends https.Agent {
  createConnection(options, done) {
    const authority = `${options.host}:${options.port}`;
    const connect = http.request({
      host: proxy.hostname, port: proxy.port, method: "CONNECT", path: authority, headers: { Host: authority },
      // The tunnel is this agent's; the CONNECT must not go into the global one's pool.
      agent: false,
    });
    connect.on("connect", (answer, socket) => {
      if (answer.statusCode !== 200) {
        socket.destroy();
        done(new Error(`status ${answer.statusCode}`));
        return;
      }
      const encrypted = tls.connect({ socket, rejectUnauthorized: false });
      // Whatever ends a tunnel while it idles is nothing that the app sees.
      socket.on("error", () => encrypted.destroy());
      done(null, encrypted);
    });
    connect.on("error", done);
    connect.end();
  }
}

function begin() {
  if (secure) {
    const agent = proxy ? new TunnelAgent({ keepAlive: true }) : new https.Agent({ keepAlive: true });
    kept.push(agent);
    return https.request(target, { agent, rejectUnauthorized: false });
  }
  const agent = new http.Agent({ keepAlive: true });
  kept.push(agent);
  if (!proxy) return http.request(target, { agent });
  return http.request({
    host: proxy.hostname, port: proxy.port, agent, path: url, headers: { Host: target.host },
  });
}

function perform() {
  return new Promise((resolve, reject) => {
    const request = begin();
    request.setTimeout(patience, () => request.destroy(new Error("timeout")));
    request.on("error", reject);
    request.on("response", (answer) => {
      answer.on("error", reject);
      answer.on("end", () => {
        if (answer.statusCode === 200) resolve();
        else reject(new Error(`status ${answer.statusCode}`));
      });
      answer.resume();
    });
    request.end();
  });
}

const failed = {};
let ok = 0;
let firstFailure = null;
const began = performance.now();

async function counted(index) {
  const second = (performance.now() - began) / 1000;
  try {
    await perform();
    ok++;
  } catch (error) {
    const kind = error.code || error.message;
    failed[kind] = (failed[kind] || 0) + 1;
    if (!firstFailure || index < firstFailure.index) {
      firstFailure = { index, second, class: kind, text: error.message };
    }
  }
}

const pending = [];
for (let index = 0; index < count; index++) {
  const wait = began + (index * 1000) / rate - performance.now();
  // Without a pause now and then, an app that is late would never see an answer.
  await new Promise((resolve) => (wait > 0 ? setTimeout(resolve, wait) : setImmediate(resolve)));
  pending.push(counted(index));
}
await Promise.all(pending);
console.log(JSON.stringify({
  requests: count, ok, failed, first_failure: firstFailure, seconds: (performance.now() - began) / 1000,
}));
process.stdin.on("end", () => process.exit(0)).resume();
