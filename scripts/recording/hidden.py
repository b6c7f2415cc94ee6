#!/usr/bin/python3
"""Writes tests/captures/hidden: connections whose destination is not simply their SNI.

    scripts/recording/hidden.py FOLDER

The handshakes are OpenSSL's own (both ends run in memory), the ClientHello with ECH has the outer extension of
draft-ietf-tls-esni added as a browser sends it, and the packets around them are written here: no network is used.
FOLDER gets capture.pcap and truth.json."""
import ipaddress
import json
import os
import ssl
import struct
import subprocess
import sys
import tempfile

CLIENT, CLIENT2, RESOLVER, PROXY = "10.30.1.21", "10.30.1.22", "10.30.0.53", "10.30.0.8"
T0 = 1795600000.0  # 2026-11-25T09:46:40Z: within the validity of certificates made before


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Capture:
    def __init__(self):
        self.packets, self.now, self.ident, self.port = [], T0, 1, 40000

    def ip(self, src, dst, proto, segment):
        s, d = ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed
        pseudo = s + d + struct.pack(">BBH", 0, proto, len(segment))
        at = 16 if proto == 6 else 6
        segment = segment[:at] + struct.pack(">H", checksum(pseudo + segment)) + segment[at + 2:]
        self.ident = self.ident % 65535 + 1
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), self.ident, 0x4000, 64, proto, 0) + s + d
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        mac = b"\x02\0\0\0\0" + s[3:] , b"\x02\0\0\0\0" + d[3:]
        self.packets.append((self.now, mac[1] + mac[0] + b"\x08\0" + head + segment))
        self.now += 0.002

    def udp(self, src, sport, dst, dport, data):
        self.ip(src, dst, 17, struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data)

    def next_port(self):
        self.port += 7
        return self.port

    def write(self, path):
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
            for when, data in self.packets:
                sec = int(when)
                f.write(struct.pack("<IIII", sec, round((when - sec) * 1e6), len(data), len(data)) + data)


class Tcp:
    """One connection; say() sends bytes in segments of at most 1400."""

    def __init__(self, cap, client, server, port):
        self.cap, self.ends = cap, [(client, cap.next_port()), (server, port)]
        self.seq = [1000 + 77 * self.ends[0][1], 900000 + 13 * port]
        self.t0 = cap.now
        self.segment(0, 0x02, b"")
        self.seq[0] += 1
        self.segment(1, 0x12, b"")
        self.seq[1] += 1
        self.segment(0, 0x10, b"")

    def segment(self, side, flags, data):
        (src, sport), (dst, dport) = self.ends[side], self.ends[1 - side]
        ack = self.seq[1 - side] if flags & 0x10 else 0
        head = struct.pack(">HHIIBBHHH", sport, dport, self.seq[side], ack, 0x50, flags, 64240, 0, 0)
        self.cap.ip(src, dst, 6, head + data)

    def say(self, side, data):
        for at in range(0, len(data), 1400):
            part = data[at:at + 1400]
            self.segment(side, 0x18, part)
            self.seq[side] += len(part)

    def close(self):
        for side in (0, 1):
            self.segment(side, 0x11, b"")
            self.seq[side] += 1
        self.segment(0, 0x10, b"")
        self.cap.now += 0.1


class Certificates:
    """A throw-away certificate for each name, signed by an authority of this run."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.ca = os.path.join(self.folder.name, "ca")
        self.make(self.ca, "/O=Example Trust Services/CN=Example Root", "basicConstraints=critical,CA:true")

    @staticmethod
    def make(base, subject, extension, *more):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                        "90", "-subj", subject, "-addext", extension, "-keyout", base + ".key", "-out", base + ".pem", *more],
                       check=True, stderr=subprocess.DEVNULL)

    def context(self, name, highest):
        base = os.path.join(self.folder.name, name)
        self.make(base, f"/O=Example/CN={name}", f"subjectAltName=DNS:{name}", "-CA", self.ca + ".pem", "-CAkey", self.ca + ".key")
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.maximum_version = highest
        ctx.load_cert_chain(base + ".pem", base + ".key")
        return ctx


def handshake(certificates, sni, highest=ssl.TLSVersion.TLSv1_3, request=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
    """The flights of a whole connection: [(side, bytes)]."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
    ctx.set_alpn_protocols(["http/1.1"])
    bios = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(2)]
    ends = [ctx.wrap_bio(*bios[0], server_hostname=sni),
            certificates.context(sni or "origin.example", highest).wrap_bio(*bios[1], server_side=True)]
    flights, done, sent = [], [False, False], False
    for _ in range(20):
        for side in (0, 1):
            try:
                if not done[side]:
                    ends[side].do_handshake()
                    done[side] = True
                elif side == 0 and all(done) and not sent:
                    ends[0].write(request)
                    sent = True
                elif side == 1:
                    ends[1].read(65536)
                    ends[1].write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            except ssl.SSLWantReadError:
                pass
            data = bios[side][1].read()
            if data:
                flights.append((side, data))
                bios[1 - side][0].write(data)
    return flights


def with_ech(record):
    """The ClientHello record with the outer extension of ECH behind its last one."""
    body = record[9:]
    at = 34
    at += 1 + body[at]
    at += 2 + struct.unpack_from(">H", body, at)[0]
    at += 1 + body[at]
    payload = bytes((i * 73 + 11) & 255 for i in range(208))
    enc = bytes((i * 29 + 5) & 255 for i in range(32))
    ech = struct.pack(">BHHB", 0, 1, 1, 0x5a) + struct.pack(">H", 32) + enc + struct.pack(">H", 208) + payload
    ext = struct.pack(">HH", 0xfe0d, len(ech)) + ech
    size = struct.unpack_from(">H", body, at)[0] + len(ext)
    body = body[:at] + struct.pack(">H", size) + body[at + 2:] + ext
    message = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return record[:3] + struct.pack(">H", len(message)) + message


def name(text):
    return b"".join(bytes([len(p)]) + p.encode() for p in text.split(".")) + b"\0"


def svcb(alpn, public, hint):
    config = struct.pack(">BHH", 0x5a, 0x20, 32) + bytes(range(32)) + struct.pack(">HHH", 4, 1, 1) + b"\0" + \
        bytes([len(public)]) + public.encode() + struct.pack(">H", 0)
    config = struct.pack(">HH", 0xfe0d, len(config)) + config
    config = struct.pack(">H", len(config)) + config
    out = struct.pack(">H", 1) + b"\0"
    for key, value in ((1, bytes([len(alpn)]) + alpn.encode()), (4, ipaddress.ip_address(hint).packed), (5, config)):
        out += struct.pack(">HH", key, len(value)) + value
    return out


class World:
    def __init__(self):
        self.cap, self.certs, self.flows = Capture(), Certificates(), []

    def lookup(self, client, host, kind, rdata, ttl=300):
        port, ident = self.cap.next_port(), self.cap.port & 0xffff
        question = name(host) + struct.pack(">HH", kind, 1)
        self.note("udp", client, port, RESOLVER, 53, "dns", None, direction="internal")
        self.cap.udp(client, port, RESOLVER, 53, struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 0) + question)
        answer = b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, ttl, len(rdata)) + rdata
        self.cap.udp(RESOLVER, 53, client, port, struct.pack(">HHHHHH", ident, 0x8180, 1, 1, 0, 0) + question + answer)
        self.cap.now += 0.01

    def address(self, client, host, ip):
        self.lookup(client, host, 1, ipaddress.ip_address(ip).packed)

    def note(self, l4, client, cport, server, sport, service, sni, direction="outbound", transport=None, **more):
        self.flows.append(dict({"id": f"f{len(self.flows) + 1}", "l4": l4, "client": f"{client}:{cport}",
                                "server": f"{server}:{sport}", "t0": self.cap.now, "service": service, "direction": direction,
                                "transport": transport or l4, "sni": sni, "via": None, "requests": [], "ws_messages": []}, **more))
        return self.flows[-1]["id"]

    def tls(self, client, server, service, sni, highest=ssl.TLSVersion.TLSv1_3, change=None, told=None, **more):
        flights = handshake(self.certs, sni, highest)
        tcp = Tcp(self.cap, client, server, 443)
        at = self.note("tcp", *tcp.ends[0], *tcp.ends[1], service, told if told is not None else sni,
                       transport="tls1.3" if highest == ssl.TLSVersion.TLSv1_3 else "tls1.2", **more)
        for i, (side, data) in enumerate(flights):
            tcp.say(side, change(data) if change and not i else data)
        tcp.close()
        return at


def connect(target):
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: curl/8.5.0\r\n\r\n".encode()


ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def main():
    folder = sys.argv[1]
    w = World()
    # no SNI: the look-up before it names it
    w.address(CLIENT, "api.openai.com", "198.51.100.10")
    w.tls(CLIENT, "198.51.100.10", "api.openai.com", None, note="no SNI; a look-up before it")
    # no SNI and no look-up: it cannot be known
    w.tls(CLIENT, "198.51.100.99", None, None, note="no SNI, no look-up")
    # ECH: the outer name is public, the look-up before it says whose
    w.lookup(CLIENT, "chatgpt.com", 65, svcb("h2", "cloudflare-ech.com", "203.0.113.40"))
    w.address(CLIENT, "chatgpt.com", "203.0.113.40")
    w.tls(CLIENT, "203.0.113.40", "chatgpt.com", "cloudflare-ech.com", change=with_ech, told="", note="ECH, inner name inferred")
    # ECH without any look-up: the service cannot be known
    w.tls(CLIENT2, "203.0.113.41", None, "cloudflare-ech.com", change=with_ech, told="", note="ECH, inner name unknown")
    # two proxies, one behind the other; the first one's own connection is seen too
    flights = handshake(w.certs, "api.anthropic.com")
    legs = [Tcp(w.cap, CLIENT2, PROXY, 3128), Tcp(w.cap, PROXY, "203.0.113.8", 8080)]
    first = w.note("tcp", *legs[0].ends[0], *legs[0].ends[1], "api.anthropic.com", None, transport="tls1.3", via="http-connect",
                   tunnel_target="api.anthropic.com:443")
    w.note("tcp", *legs[1].ends[0], *legs[1].ends[1], "api.anthropic.com", None, transport="tls1.3", via="http-connect",
           tunnel_target="api.anthropic.com:443", upstream_leg_of=first)
    legs[0].say(0, connect("gateway.example.net:8080"))
    legs[0].say(1, ESTABLISHED)
    for data, side in ((connect("api.anthropic.com:443"), 0), (ESTABLISHED, 1)):
        for leg in legs if side == 0 else reversed(legs):
            leg.say(side, data)
    for side, data in flights:
        for leg in legs if side == 0 else reversed(legs):
            leg.say(side, data)
    for leg in legs:
        leg.close()
    # a tunnel asked for one name, in which the hello asks for another
    tcp = Tcp(w.cap, CLIENT2, PROXY, 3128)
    w.note("tcp", *tcp.ends[0], *tcp.ends[1], "api.deepseek.com", None, transport="tls1.3", via="http-connect",
           tunnel_target="static.example.net:443", note="the SNI inside differs from what the proxy was asked for")
    tcp.say(0, connect("static.example.net:443"))
    tcp.say(1, ESTABLISHED)
    for side, data in handshake(w.certs, "api.deepseek.com"):
        tcp.say(side, data)
    tcp.close()
    # a model server outside, called by its address
    tcp = Tcp(w.cap, CLIENT, "203.0.113.77", 11434)
    w.note("tcp", *tcp.ends[0], *tcp.ends[1], None, None, requests=[{
        "http": "HTTP/1.1", "method": "POST", "host": "203.0.113.77:11434", "path": "/api/chat", "planted": []}])
    body = json.dumps({"model": "llama3.1:8b", "messages": [{"role": "user", "content": "Summarize our meeting notes."}],
                       "stream": True}).encode()
    tcp.say(0, b"POST /api/chat HTTP/1.1\r\nHost: 203.0.113.77:11434\r\nUser-Agent: ollama-python/0.4.7\r\nContent-Type: "
               b"application/json\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)
    lines = b"".join(json.dumps(x).encode() + b"\n" for x in (
        {"model": "llama3.1:8b", "message": {"role": "assistant", "content": "The"}, "done": False},
        {"model": "llama3.1:8b", "message": {"role": "assistant", "content": ""}, "done": True, "eval_count": 2}))
    tcp.say(1, b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n" +
            f"{len(lines):x}\r\n".encode() + lines + b"\r\n0\r\n\r\n")
    tcp.close()
    # names looked up where nobody can see them
    w.tls(CLIENT, "203.0.113.53", None, "cloudflare-dns.com", told="cloudflare-dns.com")
    # a partner's server that does not speak what the contract asks for; its certificate stands in clear
    w.tls(CLIENT, "203.0.113.50", "api.mistral.ai", "api.mistral.ai", highest=ssl.TLSVersion.TLSv1_2)
    # another tenant's resource, visible in the name
    w.tls(CLIENT2, "203.0.113.60", "somebody-else.openai.azure.com", "somebody-else.openai.azure.com")
    w.cap.write(os.path.join(folder, "capture.pcap"))
    with open(os.path.join(folder, "truth.json"), "w") as f:
        json.dump({"schema": "leaktap-lab-truth/1", "case": "hidden", "description":
                   "destinations that are not simply an SNI, written by scripts/recording/hidden.py",
                   "capture": {"file": "capture.pcap", "format": "pcap"}, "planted": [], "flows": w.flows}, f, indent=1)
        f.write("\n")


main()
