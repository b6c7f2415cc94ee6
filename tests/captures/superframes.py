"""Frames above the MTU, as network cards and virtual switches hand them over: a request of 900 kB in frames of an MTU and
in ones of 14, 64 and 256 kB gives the same alerts and the same counts of bytes, whatever its lengths say (0 where they do
not fit), in a tunnel or not, with checksums that nobody filled in; what a snaplen cut off is a gap, and nothing else is."""
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import *  # noqa: E402,F403

CLIENT4, SERVER4 = bytes([10, 1, 2, 3]), bytes([203, 0, 113, 9])
CLIENT6, SERVER6 = bytes.fromhex("fd00" + "00" * 13 + "03"), bytes.fromhex("20010db8" + "00" * 11 + "09")
MACS = bytes.fromhex("060000000001060000000002")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SIZES = [1448, 14000, 65483, 200000, 262000]  # payload of a frame; the last is nearly what libpcap reads at most
WORDS = 100000
SECRETS = [0, 20000, 40000, 60000, 80000, WORDS - 1]  # before which of the words


def token(n):
    return "glpat-" + "".join(ALPHABET[(n * 37 + i * 17 + i * i * 5 + 11) % 62] for i in range(20))


def request(words=WORDS, secrets=SECRETS, host="collect.example.net"):
    text = "".join((f"the token is {token(i)} " if i in secrets else "") + f"word{i % 1000} " for i in range(words))
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
    return (f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def tcp(sport, dport, seq, ack, flags, payload=b""):
    return struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 65535, 0xBEEF, 0) + payload  # a wrong checksum


def ip4(src, dst, body):
    total = 20 + len(body)
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, total if total < 65536 else 0, 7, 0x4000, 64, 6, 0xDEAD, src, dst) + body


def ip6(src, dst, body, hop_by_hop):
    """Above 64 KiB a jumbo payload option (RFC 2675 2) stands before it, or newer kernels leave it out."""
    proto, jumbo = 6, len(body) + (8 if hop_by_hop else 0)
    if jumbo > 65535 and hop_by_hop:
        body, proto = struct.pack(">BBBBI", 6, 0, 0xC2, 4, jumbo) + body, 0
    return struct.pack(">IHBB16s16s", 0x60000000, len(body) if len(body) < 65536 else 0, proto, 64, src, dst) + body


class Frames:
    def __init__(self, form):
        self.form = form

    def frame(self, out, body):
        """`out`: from the client."""
        if self.form == "ipv4" or self.form == "vxlan":
            frame = MACS + b"\x08\x00" + ip4(*((CLIENT4, SERVER4) if out else (SERVER4, CLIENT4)), body)
        else:
            ends = (CLIENT6, SERVER6) if out else (SERVER6, CLIENT6)
            frame = MACS + b"\x86\xdd" + ip6(*ends, body, self.form == "ipv6")
        if self.form != "vxlan":
            return frame
        inside = struct.pack(">II", 0x08000000, 7 << 8) + frame
        length = len(inside) + 8  # RFC 2675 4: 0 where it does not fit
        udp = struct.pack(">HHHH", 50000, 4789, length if length < 65516 else 0, 0) + inside
        total = len(udp) + 20
        return MACS + b"\x08\x00" + struct.pack(">BBHHHBBH4s4s", 0x45, 0, total if total < 65536 else 0, 8, 0, 64, 17, 0,
                                                bytes([172, 16, 0, 1]), bytes([172, 16, 0, 2])) + udp

    def connection(self, data, size):
        yield self.frame(True, tcp(40000, 80, 999, 0, 0x02))
        yield self.frame(False, tcp(80, 40000, 4999, 1000, 0x12))
        yield self.frame(True, tcp(40000, 80, 1000, 5000, 0x10))
        for at in range(0, len(data), size):
            part = data[at:at + size]
            yield self.frame(True, tcp(40000, 80, 1000 + at, 5000, 0x18, part))
            yield self.frame(False, tcp(80, 40000, 5000, 1000 + at + len(part), 0x10))
        yield self.frame(False, tcp(80, 40000, 5000, 1000 + len(data), 0x18, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))


def write(path, frames, snaplen=262144):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snaplen, 1))
        for i, b in enumerate(frames):
            f.write(struct.pack("<IIII", 1796000000, i * 10, min(len(b), snaplen), len(b)) + b[:snaplen])


def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def write_ng(path, frames, snaplen=262144):
    with open(path, "wb") as f:
        f.write(block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, snaplen)))
        for i, b in enumerate(frames):
            at = 1796000000 * 10**6 + i * 10
            f.write(block(6, struct.pack("<IIIII", 0, at >> 32, at & 0xFFFFFFFF, min(len(b), snaplen), len(b)) + b[:snaplen]))


def run(path, settings):
    out, err = leaktap("run", "-c", settings, "-r", path, "--flows")
    equal((err.count(": balanced"), err.count("NOT BALANCED")), (3, 0), "balanced accounts in: " + err)
    found = records(out)
    flow = [r for r in found if r["type"] == "flow"]
    equal(len(flow), 1, "flows")
    secrets = sorted((x["offset"], x["mask"]) for r in found if r["type"] == "alert" for x in r.get("findings", []))
    return flow[0], secrets


def main():
    data = request()
    with folder() as directory:
        settings, path = os.path.join(directory, "leaktap.yaml"), os.path.join(directory, "capture")
        with open(settings, "w") as f:
            f.write("networks: {internal: [10.0.0.0/8, 'fd00::/8']}\n")
        write(path, Frames("ipv4").connection(data, SIZES[0]))
        flow, want = run(path, settings)
        with case("in frames of an MTU every secret is found"):
            equal(len(want), len(SECRETS), "secrets")
            equal(flow["payload"][0], len(data), "payload")
        for form in ("ipv4", "ipv6", "ipv6 without the option", "vxlan"):
            for size in SIZES[1:]:
                for writer in (write, write_ng):
                    with case(f"{form}, {size} bytes a frame, {'pcapng' if writer is write_ng else 'pcap'}"):
                        writer(path, Frames(form).connection(data, size))
                        flow, got = run(path, settings)
                        equal(got, want, "secrets")
                        equal((flow["payload"][0], flow["missed"]), (len(data), [0, 0]), "payload and what is missing of it")
        for writer in (write, write_ng):
            with case(f"a snaplen that cuts super-frames: {'pcapng' if writer is write_ng else 'pcap'}"):
                writer(path, Frames("ipv4").connection(data, 200000), 65535)
                flow, got = run(path, settings)
                seen = 65535 - 54
                cut = sum(max(0, min(200000, len(data) - at) - seen) for at in range(0, len(data), 200000))
                equal((flow["payload"][0], flow["missed"][0]), (len(data), cut), "payload and what is missing of it")
                true(0 < len(got) < len(want), f"secrets: {got}")
                true(all(x in [m for _, m in want] for _, x in got), f"not there in the whole: {got}")
                true("truncated" in flow["inspected"]["why_not"], f"why not all was read: {flow['inspected']}")
    finish()


if __name__ == "__main__":
    main()
