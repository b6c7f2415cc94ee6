"""Stands in for every service of a recording: HTTP/1.1 on port 80 and, with our certificate, on 443.  Writes what it
received, decoded, as JSON lines: that is the truth the sensor is held against.

    server.py LOG CERT KEY ADDRESS..."""
import base64
import email.parser
import gzip
import hashlib
import json
import random
import socketserver
import ssl
import sys
import threading
import time
import urllib.parse
import zlib

LOG = open(sys.argv[1], "a", buffering=1)
LOCK = threading.Lock()


# What further clients want to see, by the end of a path.
SMALL = [
    ("/responses", {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": []}),
    ("/completions", {"id": "c1", "object": "text_completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "text": "Done.", "finish_reason": "stop"}]}),
    (":generateContent", {"candidates": [{"content": {"role": "model", "parts": [{"text": "Done."}]}, "finishReason": "STOP"}]}),
    (":embedContent", {"embedding": {"values": [0.1]}}),
    (":batchEmbedContents", {"embeddings": [{"values": [0.1]}]}),
    (":countTokens", {"totalTokens": 3}),
    ("/converse", {"output": {"message": {"role": "assistant", "content": [{"text": "Done."}]}}, "stopReason": "end_turn",
                   "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {"latencyMs": 1}}),
    ("/api/chat", {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": "Done."}, "done": True}),
    ("/api/generate", {"model": "m", "created_at": "2026-01-01T00:00:00Z", "response": "Done.", "done": True}),
    ("/api/models/meta-llama/Llama-3.1-8B-Instruct", {"inferenceProviderMapping": {"hf-inference": {
        "status": "live", "providerId": "meta-llama/Llama-3.1-8B-Instruct", "task": "conversational"}}}),
    ("/api/models/facebook/bart-large-cnn", {"pipeline_tag": "summarization", "inferenceProviderMapping": {"hf-inference": {
        "status": "live", "providerId": "facebook/bart-large-cnn", "task": "summarization"}}}),
    ("/models/facebook/bart-large-cnn", [{"summary_text": "Done."}]),
    ("/models", {"object": "list", "data": []}),
]


def answer(path, body):
    """(content type, bytes) that satisfies the client packages."""
    stream = b'"stream":true' in body.replace(b" ", b"")
    if path.endswith("/chat/completions"):
        if stream:
            parts = [{"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
                {"index": 0, "delta": {"content": w}, "finish_reason": None}]} for w in ("It ", "is ", "done.")]
            return "text/event-stream", "".join(f"data: {json.dumps(p)}\n\n" for p in parts).encode() + b"data: [DONE]\n\n"
        return "application/json", json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Done."}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}).encode()
    if path.endswith("/messages"):
        message = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "Done."}],
                   "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
        if stream:
            events = [("message_start", {"type": "message_start", "message": dict(message, content=[])}),
                      ("content_block_start", {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
                      ("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Done."}}),
                      ("content_block_stop", {"type": "content_block_stop", "index": 0}),
                      ("message_delta", {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}),
                      ("message_stop", {"type": "message_stop"})]
            return "text/event-stream", "".join(f"event: {n}\ndata: {json.dumps(d)}\n\n" for n, d in events).encode()
        return "application/json", json.dumps(message).encode()
    if path.endswith("/embeddings"):
        return "application/json", json.dumps({"object": "list", "model": "m", "data": [
            {"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}], "usage": {"prompt_tokens": 1, "total_tokens": 1}}).encode()
    if path.endswith(":streamGenerateContent"):
        part = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Done."}]}, "finishReason": "STOP"}]}
        return "text/event-stream", f"data: {json.dumps(part)}\r\n\r\n".encode()
    if path.endswith("/converse-stream"):
        return "application/vnd.amazon.eventstream", b""
    for end, made in SMALL:
        if path.endswith(end):
            return "application/json", json.dumps(made).encode()
    if path == "/big":
        return "application/octet-stream", bytes(range(256)) * 1200
    if path == "/":
        return "text/html", b"<!doctype html><title>page</title><p>hello"
    return "application/json", b'{"ok":true}'


def fields(headers, body):
    """{field path: text} of a decoded body, in the words of the truth files."""
    kind = headers.get("content-type", "")
    for coding in reversed([c.strip() for c in headers.get("content-encoding", "").split(",") if c.strip()]):
        body = gzip.decompress(body) if coding == "gzip" else zlib.decompress(body)
    if kind.startswith("multipart/"):
        m = email.parser.BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
        return {f"body:part[{p.get_param('name', header='content-disposition')}]": p.get_payload(decode=True).decode("utf-8", "replace")
                for p in m.get_payload()}
    text = body.decode("utf-8", "replace")
    try:
        out = {}
        walk(json.loads(text), "body$", out)
        return out
    except ValueError:
        pass
    if "urlencoded" in kind:
        return {f"body:form[{k}]": v for k, v in urllib.parse.parse_qsl(text)}
    return {"body": text}


def walk(value, path, out):
    if isinstance(value, dict):
        for k, v in value.items():
            walk(v, f"{path}.{k}", out)
    elif isinstance(value, list):
        for i, v in enumerate(value):
            walk(v, f"{path}[{i}]", out)
    elif isinstance(value, str):
        out[path] = value


class Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        me = self.request.getsockname()
        sni = getattr(self.request, "leaktap_name", None)
        secure = isinstance(self.request, ssl.SSLSocket)
        entry = {"client": "%s:%d" % self.client_address[:2], "server": "%s:%d" % me[:2], "t": time.time(), "sni": sni,
                 "transport": self.request.version().lower().replace("tlsv", "tls") if secure else "tcp", "open": True}
        self.write(entry)
        while True:
            line = self.rfile.readline().decode("latin-1")
            if not line.strip():
                if line:
                    continue
                return
            method, target, version = line.split()
            headers = {}
            while True:
                h = self.rfile.readline().decode("latin-1")
                if not h.strip():
                    break
                k, _, v = h.partition(":")
                headers[k.strip().lower()] = v.strip()
            if headers.get("upgrade", "").lower() == "websocket":
                self.websocket(entry, headers, target)
                return
            if headers.get("expect", "").lower() == "100-continue":
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = self.body(headers)
            path = target.split("?")[0]
            self.write(dict(entry, open=False, http=version, method=method, path=path, target=target,
                            host=headers.get("host"), headers=headers, content_encoding=headers.get("content-encoding"),
                            fields=fields(headers, body) if body else {}, t=time.time()))
            kind, out = answer(path, body)
            more = ""
            if headers.get("x-goog-upload-command") == "start":
                more = f"X-Goog-Upload-URL: http://{headers['host']}{path}?upload_id=1\r\nX-Goog-Upload-Status: active\r\n"
            elif "x-goog-upload-command" in headers:
                more, out = "X-Goog-Upload-Status: final\r\n", b'{"file":{"name":"files/1","uri":"http://x/files/1"}}'
            self.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(out)}\r\n\r\n".encode())
            if method != "HEAD":
                self.wfile.write(out)
            if headers.get("connection", "").lower() == "close":
                return

    def websocket(self, entry, headers, target):
        """RFC 6455, without extensions: each message is logged, the first is answered."""
        key = base64.b64encode(hashlib.sha1((headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
                         key + b"\r\n\r\n")
        hello = b'{"type":"session.created","setupComplete":{}}'
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                return
            n = head[1] & 127
            n = int.from_bytes(self.rfile.read(2 if n == 126 else 8), "big") if n > 125 else n
            mask = self.rfile.read(4)
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(n)))
            self.write(dict(entry, open=False, websocket=True, http="HTTP/1.1", method="GET", path=target.split("?")[0], target="",
                            host=headers.get("host"), headers={}, content_encoding=None, fields=fields({}, data), t=time.time()))
            if hello:
                self.wfile.write(bytes([0x81, len(hello)]) + hello)
                hello = b""

    def body(self, headers):
        if "chunked" not in headers.get("transfer-encoding", ""):
            return self.rfile.read(int(headers.get("content-length", 0)))
        out = b""
        while True:
            n = int(self.rfile.readline().split(b";")[0], 16)
            out += self.rfile.read(n)
            self.rfile.readline()
            if not n:
                return out

    @staticmethod
    def write(entry):
        with LOCK:
            LOG.write(json.dumps(entry) + "\n")


class Shell(socketserver.StreamRequestHandler):
    """Looks like SSH on the wire: banners, then bytes that mean nothing."""

    def handle(self):
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
        self.rfile.readline()
        for _ in range(20):
            self.rfile.read(512)
            self.wfile.write(random.randbytes(2048))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


class Secure(Server):
    def finish_request(self, request, client_address):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(sys.argv[2], sys.argv[3])
        c.set_alpn_protocols(["http/1.1"])
        names = []
        c.sni_callback = lambda sock, name, ctx: names.append(name)
        with c.wrap_socket(request, server_side=True) as s:
            s.leaktap_name = names[0] if names else None
            self.RequestHandlerClass(s, client_address, self)


for address in sys.argv[4:]:
    for port, kind, handler in ((80, Server, Handler), (443, Secure, Handler), (22, Server, Shell)):
        threading.Thread(target=kind((address, port), handler).serve_forever, daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
