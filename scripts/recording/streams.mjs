// Requests that share a connection: HTTP/2 in the clear, and WebSocket in its forms.
//
//   streams.mjs VALUES.json
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import http2 from "node:http2";
import zlib from "node:zlib";
import WebSocket from "ws";

const values = Object.fromEntries(JSON.parse(fs.readFileSync(process.argv[2])).map((v) => [v.kind, v.value]));
const filler = "Our release notes mention the new scheduler, two small fixes in the importer and a longer default timeout. ";
const pause = (ms) => new Promise((r) => setTimeout(r, ms));

const chat = (text) => JSON.stringify({ model: "m", messages: [{ role: "user", content: text }] });

function request(session, path, pieces, { headers = {}, trailers, order } = {}) {
  return new Promise((resolve, reject) => {
    const s = session.request({ ":method": "POST", ":path": path, "content-type": "application/json", ...headers },
      { waitForTrailers: Boolean(trailers) });
    if (trailers) s.on("wantTrailers", () => s.sendTrailers(trailers));
    s.on("error", reject).on("close", resolve).resume();
    (async () => {
      for (const p of pieces) {
        s.write(p);
        if (order) await order();
      }
      s.end();
    })();
  });
}

async function http2Requests() {
  const session = http2.connect("http://api.openai.com:8080");
  const pieces = (text) => chat(`${filler.repeat(20)}${text} ${filler.repeat(20)}`).match(/[^]{1,700}/g);
  await Promise.all(["nothing here", values.credit_card, "nor here", values.github_pat, "nor there"].map((text, i) =>
    request(session, `/v1/chat/completions/${i}`, pieces(text), { order: () => pause(1) })));
  await request(session, "/v1/files", [zlib.gzipSync(chat(`my number is ${values.us_ssn} ok`))], { headers: { "content-encoding": "gzip" } });
  await request(session, "/v1/batches", ["{}"], { trailers: { "x-checksum": "1", "x-note": values.slack_bot_token } });
  for (let i = 0; i < 2; i++) await request(session, `/v1/models/${i}`, ["{}"], { headers: { "x-large": "v".repeat(20000), "x-token": values.stripe_live_key } });
  session.close();
}

async function webSocket(options, messages) {
  const ws = new WebSocket("ws://api.openai.com:8081/v1/realtime?model=m", options);
  await new Promise((r) => ws.on("open", r));
  for (const [data, how] of messages) {
    await new Promise((r) => ws.send(data, how, r));
    if (how?.fin === false) ws.ping("beep");
    await pause(10);
  }
  ws.close(1000);
  await new Promise((r) => ws.on("close", r));
}

const event = (text) => JSON.stringify({ type: "conversation.item.create", item: { role: "user", content: [{ type: "input_text", text }] } });

async function webSocketOnAStream() {
  const session = http2.connect("http://api.openai.com:8080");
  await new Promise((r) => session.on("remoteSettings", r));
  const s = session.request({ ":method": "CONNECT", ":protocol": "websocket", ":scheme": "http", ":path": "/v1/realtime?model=m" });
  await new Promise((r) => s.on("response", r));
  for (const text of ["hello", `call ${values.jwt} then`]) {
    const body = Buffer.from(event(text)), mask = randomBytes(4);
    const head = Buffer.alloc(4);
    head[0] = 0x81;
    head[1] = 0x80 | 126;
    head.writeUInt16BE(body.length, 2);
    s.write(Buffer.concat([head, mask, body.map((b, i) => b ^ mask[i % 4])]));
    await pause(20);
  }
  s.end();
  await pause(100);
  session.close();
}

await http2Requests();
await webSocket({ perMessageDeflate: false }, [[event(`pay to ${values.iban} today`)], ["plain text"]]);
await webSocket({ perMessageDeflate: { threshold: 0 } }, [[event(`first ${values.github_pat} of two`)], [event(`again ${values.github_pat} of two`)],
  [JSON.stringify({ t: filler.repeat(600) + values.aws_access_key })], [event("end")]]);
await webSocket({ perMessageDeflate: { threshold: 0, clientNoContextTakeover: true } }, [[event("alone")], [event(`with ${values.credit_card} in it`)]]);
await webSocket({ perMessageDeflate: false }, [['{"t":"a message in ', { fin: false }], [`parts ${values.aws_access_key} of`, { fin: false }], [' them"}', { fin: true }],
  [Buffer.from(event(`bytes ${values.slack_bot_token} too`)), { binary: true }]]);
await webSocket({ perMessageDeflate: false }, [['{"protocol":"json","version":1}\x1e'], [`{"type":1,"arguments":["x"]}\x1e{"type":1,"arguments":["${values.jwt}"]}\x1e`],
  [`42["say",{"text":"${values.stripe_live_key}"}]`]]);
await webSocketOnAStream();
execFileSync("curl", ["-s", "--http2-prior-knowledge", "-o", "/dev/null", "-H", "content-type: application/json", "-d",
  chat(`${filler}${values.connection_string} ${filler}`), "http://api.openai.com:8080/v1/chat/completions"]);
process.exit(0);
