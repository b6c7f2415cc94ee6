"""Stands in for every service of a recording: HTTP/1.1 on port 80 and, with our certificate, on 443.  Writes what it
received, decoded, as JSON lines: that is the truth the sensor is held against.

    server.py LOG CERT KEY ADDRESS..."""
import email.parser
import gzip
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
            if headers.get("expect", "").lower() == "100-continue":
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = self.body(headers)
            path = target.split("?")[0]
            self.write(dict(entry, open=False, http=version, method=method, path=path, target=target,
                            host=headers.get("host"), headers=headers, content_encoding=headers.get("content-encoding"),
                            fields=fields(headers, body) if body else {}, t=time.time()))
            kind, out = answer(path, body)
            self.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(out)}\r\n\r\n".encode())
            if method != "HEAD":
                self.wfile.write(out)
            if headers.get("connection", "").lower() == "close":
                return

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
