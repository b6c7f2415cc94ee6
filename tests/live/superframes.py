"""Super-frames of the kernel itself: two hosts send each other TCP segments of up to 200 kB (BIG TCP, IPv6), and the
sensor between them finds what is in them."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "captures"))
from lib import *  # noqa: E402,F403
from superframes import request  # noqa: E402

CLIENT, SERVER = "fd77::2", "2001:db8:77::10"
WORDS, SECRETS = 400000, [0, 100000, 200000, 399999]
ANSWER = """
import socket
s = socket.create_server(("%s", 80), family=socket.AF_INET6)
print("ready", flush=True)
c, _ = s.accept()
n = 0
while n < %d:
    got = c.recv(1 << 20)
    if not got:
        break
    n += len(got)
c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
c.close()
"""
ASK = """
import socket
import sys
c = socket.create_connection(("%s", 80), 10)
c.sendall(sys.stdin.buffer.read())
c.recv(100)
"""


def large(net):
    """Addresses of IPv6, and segments above 64 KiB on both sides; neither on every kernel and iproute2."""
    for ns, dev, own, other in ((net.a, net.tag + "v", CLIENT, SERVER), (net.b, net.dev, SERVER, CLIENT)):
        net.ip("-n", ns, "addr", "add", own + "/128", "dev", dev, "nodad")
        net.ip("-n", ns, "route", "add", other + "/128", "dev", dev)
        try:
            net.ip("-n", ns, "link", "set", dev, "gso_max_size", "200000", "gro_max_size", "200000")
        except AssertionError as e:
            raise Skip(f"no segments above 64 KiB here: {e}")


def heard(net, settings, data):
    """(flow record, secrets found) of a sensor beside the connection."""
    p = subprocess.Popen(net.at(net.b, LEAKTAP, "run", "-c", settings, "-i", net.dev, "--flows"), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    for line in p.stderr:
        if "watching" in line:
            break
    server = net.at(net.b, sys.executable, "-c", ANSWER % (SERVER, len(data)))
    with process(server, stdout=subprocess.PIPE, text=True) as s:
        s.stdout.readline()
        subprocess.run(net.at(net.a, sys.executable, "-c", ASK % SERVER), input=data, check=True, timeout=60)
    time.sleep(0.3)
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=30)
    equal(p.returncode, 0, "exit status after SIGTERM: " + err[-500:])
    equal(err.count(": balanced"), 3, "balanced accounts in: " + err)
    flow = [r for r in records(out) if r["type"] == "flow" and r["destination"]["port"] == 80]
    equal(len(flow), 1, "flows")
    equal(flow[0]["payload"][0], len(data), "payload")
    true(len(data) / flow[0]["packets"][0] > 65536, f"frames are small: {flow[0]['packets'][0]} for {len(data)} bytes")
    return flow[0], sum(x["count"] for r in records(out) if r["type"] == "alert" for x in r.get("findings", []))


def main():
    data = request(WORDS, SECRETS)
    with folder() as directory:
        settings = os.path.join(directory, "leaktap.yaml")
        for name, snaplen in (("what the kernel sends in frames above 64 KiB", 262144), ("the same, cut by a snaplen of 64 KiB", 65536)):
            with case(name), Net() as net:
                large(net)
                with open(settings, "w") as f:
                    f.write(f"capture: {{snaplen: {snaplen}}}\nnetworks: {{internal: ['fd00::/8']}}\n")
                flow, found = heard(net, settings, data)
                if snaplen == 262144:
                    equal((flow["missed"], found), ([0, 0], len(SECRETS)), "what is missing, secrets")
                else:
                    true(flow["missed"][0] > 0 and "truncated" in flow["inspected"]["why_not"], f"nothing is missing: {flow}")
                    true(found <= len(SECRETS), f"{found} secrets")
    finish()


main()
