"""Redis goes away during a live run: every alert waits in the log and is delivered, and no packet is dropped."""
import os
import re
import signal
import subprocess
import sys
import time
import types

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import redis_topology as topology  # noqa: E402
from lib import *  # noqa: E402,F403

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SETTINGS = """
sensor: {name: away}
alerts: {redis: "%s"}
evidence: {directory: log}
"""


def run(net, redis, away, back, made):
    config = os.path.join(redis.directory, "leaktap.yaml")
    with open(config, "w") as f:
        f.write(SETTINGS % redis.url)
    p = subprocess.Popen(net.at(net.b, LEAKTAP, "run", "-c", config, "-i", net.dev), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    key = "leaktap:{away}:alerts"
    with process(net.at(net.b, "/usr/bin/python3", HERE + "/http_server.py", net.SERVER, "80")):
        client = net.at(net.a, "/usr/bin/python3", HERE + "/http_client.py", net.SERVER, "80", "files.example.net")
        until(30, "the sensor watches", lambda: "watching" in p.stderr.readline())
        # no secret twice: it would be counted with the alert that told it, and told a minute later
        subprocess.run([*client, "100"], check=True, timeout=60)
        until(10, "the first alerts are in Redis", lambda: redis.ask("XLEN", key) >= 100)
        away()
        subprocess.run([*client, str(made), "0", "1000"], check=True, timeout=120)
        time.sleep(0.5)
        back()
        until(60, "Redis has what waited", lambda: redis.ask("XLEN", key) >= 100 + made)
        subprocess.run([*client, "50", "0", "9000"], check=True, timeout=60)
        time.sleep(2)
    p.send_signal(signal.SIGTERM)
    _, err = p.communicate(timeout=60)
    equal(p.returncode, 0, "exit status: " + err[-600:])
    m = re.search(r"records +made (\d+) = delivered (\d+) \+ waiting (\d+) \+ lost (\d+)", err)
    true(m, "no account of records in: " + err)
    total, delivered, waiting, lost = map(int, m.groups())
    equal(total, delivered + waiting + lost, "made = delivered + waiting + lost")
    equal(err.count(": balanced"), 3, "balanced accounts in: " + err)
    true(" dropped in ring 0 + dropped by interface 0:" in err, "packets were dropped: " + err)
    equal(waiting, 0, "records still waiting")
    equal(lost, 0, "lost")
    rows = redis.stream(key) + redis.stream("leaktap:{away}:health")
    equal(len(rows), delivered, "entries in Redis")
    ordinals = [int(f["ordinal"]) for _, f in redis.stream(key)]
    equal(ordinals, list(range(1, len(ordinals) + 1)), "ordinals")
    true(len(ordinals) >= 100 + made + 50, f"{len(ordinals)} alerts")


class Pair(topology.Watched):
    """A master, its replica and a Sentinel beside the sensor; what is asked, the present master answers."""

    def __init__(self, directory, net):
        self.directory, self.servers = directory, []
        super().__init__(types.SimpleNamespace(folder=directory, servers=self.servers), 1, net.at(net.b))
        self.master = self.a

    def ask(self, *words):
        return self.master.ask(*words)

    stream = Redis.stream

    def fail_over(self):
        self.a.kill()
        self.until_failover()
        self.master = self.b

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for s in self.servers:
            s.kill()


def main():
    for name, away, back in (
            ("stopped and started again", lambda r: r.stop(), lambda r: r.start()),
            ("hung and resumed", lambda r: r.pause(), lambda r: r.go_on()),
            ("killed and started again", lambda r: r.stop(signal.SIGKILL), lambda r: r.start())):
        with case(f"Redis {name}: 5,000 alerts meanwhile"), folder() as d, Net() as net, \
                Redis(d) as redis:
            run(net, redis, lambda: away(redis), lambda: back(redis), 5000)
    with case("the replica that takes the master's place lacks 5,000 alerts"), folder() as d, Net() as net, Pair(d, net) as pair:
        run(net, pair, pair.lag, pair.fail_over, 5000)
    finish()


main()
