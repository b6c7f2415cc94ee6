// Stands in for services that speak HTTP/2 in the clear (port 8080: requests, and WebSocket on a stream, RFC 8441) and
// WebSocket over HTTP/1 (port 8081).  Writes what it received, decoded, as JSON lines.
//
//   streams_server.mjs LOG ADDRESS...
import fs from "node:fs";
import http2 from "node:http2";
import zlib from "node:zlib";
import { Receiver, WebSocketServer } from "ws";

const log = fs.createWriteStream(process.argv[2], { flags: "a" });

function walk(value, path, out) {
  if (typeof value === "string") out[path] = value;
  else if (value && typeof value === "object")
    for (const [k, v] of Object.entries(value)) walk(v, Array.isArray(value) ? `${path}[${k}]` : `${path}.${k}`, out);
  return out;
}

// {field path: text}, in the words of the truth files
function fields(body) {
  const text = body.toString();
  for (const lead of [/^/, /^\d+(?=[[{])/]) {
    try {
      return walk(JSON.parse(text.replace(lead, "")), "body$", {});
    } catch {}
  }
  return text ? { body: text } : {};
}

function write(socket, more) {
  log.write(JSON.stringify({ client: `${socket.remoteAddress}:${socket.remotePort}`, server: `${socket.localAddress}:${socket.localPort}`,
    t: Date.now() / 1000, sni: null, transport: "tcp", open: false, content_encoding: null, headers: {}, target: "", ...more }) + "\n");
}

function message(socket, headers, data) {
  for (const record of data.toString("latin1").split("\x1e").filter(Boolean))
    write(socket, { websocket: true, http: "HTTP/1.1", method: "GET", host: headers.host ?? headers[":authority"],
      path: (headers[":path"] ?? headers.url).split("?")[0], fields: fields(Buffer.from(record, "latin1")) });
}

function onStream(stream, headers) {
  const socket = stream.session.socket, parts = [];
  let trailers = {};
  if (headers[":protocol"] === "websocket") {
    const receiver = new Receiver({ isServer: true });
    receiver.on("message", (data) => message(socket, headers, data));
    stream.respond({ ":status": 200 });
    stream.pipe(receiver);
    return;
  }
  stream.on("data", (d) => parts.push(d));
  stream.on("trailers", (t) => (trailers = t));
  stream.on("end", () => {
    let body = Buffer.concat(parts);
    const plain = Object.fromEntries(Object.entries(headers).filter(([k]) => !k.startsWith(":")));
    if (headers["content-encoding"] === "gzip") body = zlib.gunzipSync(body);
    const text = fields(body);
    for (const [k, v] of Object.entries(trailers)) text[`trailer:${k}`] = v;
    write(socket, { http: "HTTP/2", method: headers[":method"], host: headers[":authority"], path: headers[":path"].split("?")[0],
      target: headers[":path"], headers: plain, content_encoding: headers["content-encoding"] ?? null, fields: text });
    stream.respond({ ":status": 200, "content-type": "application/json" });
    stream.end('{"ok":true}');
  });
}

for (const address of process.argv.slice(3)) {
  http2.createServer({ settings: { enableConnectProtocol: true } }).on("stream", onStream).listen(8080, address);
  new WebSocketServer({ host: address, port: 8081, perMessageDeflate: { threshold: 0 } }).on("connection", (ws, request) =>
    ws.on("message", (data) => message(request.socket, { ...request.headers, url: request.url }, data)));
}
setTimeout(() => console.log("ready"), 300);
