// Node's core modules, which know no proxies, with the few lines that everybody writes: an absolute target for
// http, an agent that makes CONNECT tunnels for https.
// Usage: SCENARIO URL [FILE]; PROXY and CA_FILE from the environment; one line of JSON.
import crypto from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import tls from "node:tls";

const proxy = new URL(process.env.PROXY);
const ca = fs.readFileSync(process.env.CA_FILE);

class TunnelAgent extends https.Agent {
  createConnection(options, done) {
    const authority = `${options.host}:${options.port || 443}`;
    const connect = http.request({
      host: proxy.hostname, port: proxy.port, method: "CONNECT", path: authority, headers: { Host: authority },
    });
    connect.on("connect", (answer, socket) => {
      if (answer.statusCode !== 200) {
        socket.destroy();
        done(new Error(`CONNECT: ${answer.statusCode} ${answer.headers["proxy-status"]}`));
        return;
      }
      done(null, tls.connect({ socket, servername: options.host, ca }));
    });
    connect.on("error", done);
    connect.end();
  }
}

function makeAgent(url, keepAlive = true) {
  return url.startsWith("https:") ? new TunnelAgent({ keepAlive }) : new http.Agent({ keepAlive });
}

function begin(agent, method, url, headers = {}) {
  if (url.startsWith("https:")) return https.request(url, { method, agent, headers });
  return http.request({
    host: proxy.hostname, port: proxy.port, method, agent, path: url,
    headers: { Host: new URL(url).host, ...headers },
  });
}

function answerTo(request) {
  return new Promise((resolve, reject) => request.on("response", resolve).on("error", reject));
}

async function told(answer) {
  const digest = crypto.createHash("sha256");
  let length = 0;
  for await (const piece of answer) {
    digest.update(piece);
    length += piece.length;
  }
  return {
    status: answer.statusCode, length, sha256: digest.digest("hex"),
    proxy_status: answer.headers["proxy-status"], trailers: answer.trailers,
  };
}

async function text(answer) {
  let whole = "";
  for await (const piece of answer) whole += piece;
  return whole;
}

async function get(agent, url) {
  const request = begin(agent, "GET", url);
  request.end();
  return told(await answerTo(request));
}

const scenarios = {
  fetch: (url) => get(makeAgent(url), url),
  async reuse(url) {
    const agent = makeAgent(url);
    const results = [];
    for (let i = 0; i < 5; i++) results.push(await get(agent, url));
    return { results };
  },
  async fresh(url) {
    const results = [];
    for (let i = 0; i < 5; i++) results.push(await get(makeAgent(url, false), url));
    return { results };
  },
  async together(url) {
    const agent = makeAgent(url);
    return { results: await Promise.all(Array.from({ length: 20 }, () => get(agent, url))) };
  },
  async post(url, path) {
    const request = begin(makeAgent(url), "POST", url, { "Content-Length": fs.statSync(path).size });
    fs.createReadStream(path).pipe(request);
    return JSON.parse(await text(await answerTo(request)));
  },
  async upload(url, path) {
    const request = begin(makeAgent(url), "POST", url);
    fs.createReadStream(path).pipe(request);
    return JSON.parse(await text(await answerTo(request)));
  },
  async expect(url, path) {
    const request = begin(makeAgent(url), "POST", url, { Expect: "100-continue" });
    request.on("continue", () => fs.createReadStream(path).pipe(request));
    request.flushHeaders();
    return JSON.parse(await text(await answerTo(request)));
  },
  async trailers(url, path) {
    const request = begin(makeAgent(url), "POST", url, { Trailer: "X-Up" });
    request.addTrailers({ "X-Up": "from node" });
    request.end(fs.readFileSync(path));
    return JSON.parse(await text(await answerTo(request)));
  },
  async interim(url) {
    const request = begin(makeAgent(url), "GET", url);
    const seen = [];
    request.on("information", (info) => seen.push(info.statusCode));
    request.end();
    return { text: await text(await answerTo(request)), interim: seen };
  },
  async gate(url) {
    const agent = makeAgent(url);
    const request = begin(agent, "GET", url + "/gate/key");
    request.end();
    const answer = await answerTo(request);
    const pieces = answer[Symbol.asyncIterator]();
    const first = String((await pieces.next()).value);
    await get(agent, url + "/open/key");
    let rest = "";
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) rest += next.value;
    return { first, rest };
  },
  // The handshake and what the origin says first; then the end of the connection from this side.
  upgrade(url) {
    const request = begin(makeAgent(url), "GET", url, {
      Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": 13,
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    });
    return new Promise((resolve, reject) => {
      request.on("error", reject);
      request.on("response", (answer) => resolve({ status: answer.statusCode }));
      request.on("upgrade", (answer, socket, head) => {
        let heard = Buffer.from(head);
        const look = () => {
          if (heard.length < 9) return;
          socket.destroy();
          resolve({ status: answer.statusCode, accept: answer.headers["sec-websocket-accept"],
                    heard: heard.subarray(2).toString() });
        };
        socket.on("data", (data) => { heard = Buffer.concat([heard, data]); look(); });
        look();
      });
      request.end();
    });
  },
};

const [scenario, ...rest] = process.argv.slice(2);
let result;
try {
  result = await scenarios[scenario](...rest);
} catch (error) {
  result = { error: `${error.code}: ${error.message}` };
}
console.log(JSON.stringify(result));
// Kept connections would keep the process.
process.exit(0);
