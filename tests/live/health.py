"""Heartbeats of a live sensor, what is told when it goes wrong, and what a consumer can tell from silence."""
import calendar
import glob
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import lib
from lib import case, equal, true, until

SETTINGS = """sensor: {name: pulse}
networks: {internal: [%s/32]}
capture: {workers: 2, ring_mb: 2}
limits: {flows: 1024}
health: {heartbeat_s: 1, lag_s: 2, silence_s: %d, drops_per_million: 1000}
alerts: {redis: "%s"}
evidence: {directory: log}
"""
FLOWS = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
         "for port in range(10000, 14000): s.sendto(b'x', ('%s', port))")
SOME_FLOWS = FLOWS.replace("range(10000, 14000)", "range(%d, %d)")
SEND = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "for i in range(%d): s.sendto(b'x' * 1400, ('%s', 9))")


def sent(text):
    """Seconds since 1970 of a record's time."""
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) + float("0" + text[19:-1])


class Sensor:
    """One sensor on a veth device that delivers into a redis-server of its own."""

    def __init__(self, folder, net, redis, silence_s=0):
        self.folder, self.net, self.redis = folder, net, redis
        self.config = os.path.join(folder, "leaktap.yaml")
        self.said = os.path.join(folder, "stderr")
        with open(self.config, "w") as f:
            f.write(SETTINGS % (net.CLIENT, silence_s, redis.url))
        self.start()

    def start(self, *more):
        with open(self.said, "w") as err:
            self.p = subprocess.Popen(self.net.at(self.net.b, lib.LEAKTAP, "run", "-c", self.config, "-i", self.net.dev, *more),
                                      stderr=err)
        until(30, "the sensor watches", lambda: "watching" in open(self.said).read() or self.p.poll() is not None)
        true(self.p.poll() is None, "the sensor did not begin: " + open(self.said).read())

    def end(self, how=signal.SIGTERM):
        if self.p.poll() is None:
            self.p.send_signal(how)
        return self.p.wait(30)

    def send(self, n):
        subprocess.run(self.net.at(self.net.a, sys.executable, "-c", SEND % (n, self.net.SERVER)), check=True, timeout=60)

    def health(self):
        """Everything in :health as (ID, record, line)."""
        return [(i, lib.records(f["json"])[0], f["json"]) for i, f in self.redis.stream("leaktap:{pulse}:health")]

    def beats(self):
        return [r for _, r, _ in self.health() if r.get("kind") == "sensor.health"]

    def changes(self, condition):
        return [r for _, r, _ in self.health() if r.get("condition") == condition]

    def wait_change(self, condition, state, seconds=30):
        return until(seconds, f"{condition} {state}",
                     lambda: next((r for r in self.changes(condition) if r["state"] == state), None))


class valid:
    """Every record in Redis is what the schema says, and none is missing."""

    def __init__(self, sensor):
        try:
            import jsonschema
            import schema
        except (ImportError, SystemExit):
            raise lib.Skip("python3-jsonschema is not installed")
        with open(os.path.join(lib.TOP, "docs/records.schema.json"), encoding="utf-8") as f:
            rules = lib.json.load(f)
        validator = jsonschema.Draft202012Validator(rules)
        rows = sensor.health()
        faults = [f for n, (_, r, _) in enumerate(rows, 1) for f in schema.check(n, r, rules, validator)]
        equal(faults, [], "faults")
        for kind in ("sensor", "gap"):
            ordinals = [r["ordinal"] for _, r, _ in rows if r["type"] == kind]
            equal(ordinals, list(range(1, len(ordinals) + 1)), "ordinals of " + kind)
        true(all(len(line) < 8192 for _, _, line in rows), "records are small")


def heartbeats(sensor):
    sensor.send(50)
    until(20, "four heartbeats", lambda: len(sensor.beats()) >= 4)
    equal(sensor.end(), 0, "status")
    beats = sensor.beats()
    states = [b["state"] for b in beats]
    equal((states[0], states[-1]), ("starting", "stopping"), "first and last")
    equal(set(states[1:-1]), {"running"}, "between")
    times = [sent(b["time"]) for b in beats]
    true(all(0.5 < b - a < 2.5 for a, b in zip(times[:-2], times[1:-1])), f"a second apart: {times}")
    last = beats[-1]
    true(last["counters"]["packets"] >= 50 and last["counters"]["bytes"] > 50 * 1400, f"{last['counters']}")
    for name, value in last["counters"].items():
        if name != "records":  # the record itself is made after its counters are read
            equal(sum(b["health"]["interval"].get(name, 0) for b in beats), value, "intervals of " + name)
    equal(last["counters"]["flows_made"], last["counters"]["flows_ended"], "flows at the end")
    h = beats[-2]["health"]
    equal(len(h["queues"]["waiting"]), h["workers"] + 1, "a queue for each worker and the control side's")
    equal(h["interfaces"][0]["name"], sensor.net.dev, "interface")
    true(h["outputs"][0]["connected"] and h["outputs"][0]["lag_ms"] < 2000, f"{h['outputs']}")
    true(h["log"]["last"] >= len(beats) - 2 and h["log"]["bytes"] > 0, f"{h['log']}")
    true(h["memory"]["resident_kb"] > 1000, f"{h['memory']}")
    flows = last["health"]["coverage"]["flows"]
    equal(flows["decrypted"], 0, "nothing is decrypted")
    true(sum(flows.values()) >= 1 and last["health"]["coverage"]["sent_bytes"] >= 50 * 1400, f"{last['health']['coverage']}")
    valid(sensor)


def redis_away(sensor):
    until(20, "a heartbeat", lambda: len(sensor.beats()) >= 2)
    sensor.redis.stop()
    until(20, "it is said", lambda: "warning: delivery: " in open(sensor.said).read())
    time.sleep(1)
    sensor.redis.start()
    began = sensor.wait_change("delivery", "began", 60)
    equal((began["kind"], began["severity"], began["about"]), ("sensor.delivery", "high", sensor.redis.url), "what began")
    true(began["counters"]["lag_ms"] > 2000 and began["counters"]["waiting"] >= 2, f"{began['counters']}")
    ended = sensor.wait_change("delivery", "ended")
    equal(ended["severity"], "info", "severity of the end")
    true(ended["counters"]["lasted_s"] >= 1, f"{ended['counters']}")
    equal(len(sensor.changes("delivery")), 2, "told once each")
    waited = re.findall(r"connected again after (?:\d+ s|less than a second), (\d+) records waited", open(sensor.said).read())
    true(len(waited) == 1 and int(waited[0]) >= 2, f"how many waited: {waited}")
    degraded = [b for b in sensor.beats() if b["state"] == "degraded"]
    true(degraded and degraded[0]["health"]["conditions"] == ["delivery"], "heartbeats name it")
    true(any(not b["health"]["outputs"][0]["connected"] and b["health"]["outputs"][0].get("trouble") == "unreachable"
             for b in sensor.beats()), "heartbeats made meanwhile say that Redis is away")
    equal(sensor.end(), 0, "status")
    valid(sensor)


def silent(sensor, now):
    """What docs/redis.md tells a consumer to do: 'stopped', 'silent' or 'alive'."""
    rows = [(i, r) for i, r, _ in sensor.health() if r.get("kind") == "sensor.health"]
    last_id, last = rows[-1]
    if last["state"] == "stopping":
        return "stopped"
    return "silent" if now - int(last_id.split("-")[0]) / 1000 > 3 * last["health"]["heartbeat_s"] else "alive"


def killed(sensor):
    until(20, "a heartbeat", lambda: len(sensor.beats()) >= 2)
    equal(silent(sensor, time.time()), "alive", "while it runs")
    sensor.end(signal.SIGKILL)
    until(20, "silence", lambda: silent(sensor, time.time()) == "silent")
    sensor.start()
    until(20, "it is back", lambda: silent(sensor, time.time()) == "alive")
    equal(sensor.end(), 0, "status")
    equal(silent(sensor, time.time() + 3600), "stopped", "an orderly stop is no silence")
    equal([b["state"] for b in sensor.beats() if b["state"] in ("starting", "stopping")],
          ["starting", "starting", "stopping"], "two starts, one stop")
    valid(sensor)


def full_table(sensor):
    """More flows than there may be: some end early."""
    until(20, "a heartbeat", lambda: len(sensor.beats()) >= 2)
    subprocess.run(sensor.net.at(sensor.net.a, sys.executable, "-c", FLOWS % sensor.net.SERVER), check=True, timeout=60)
    began = sensor.wait_change("memory", "began")
    true(began["kind"] == "sensor.memory" and began["severity"] == "medium" and began["counters"]["flows_evicted"] > 0, f"{began}")
    ended = sensor.wait_change("memory", "ended")
    true(ended["counters"]["lasted_s"] >= 5, "six looks without")
    equal(sensor.end(), 0, "status")
    true(all(b["health"]["memory"]["flows"] <= b["health"]["memory"]["flows_limit"] for b in sensor.beats()), "flows are bounded")
    equal(len(sensor.changes("memory")), 2, "told once each")
    valid(sensor)


def full_disk(sensor):
    """The log's disk is full: what is told waits in memory, and stands in the log when there is room again."""
    log = os.path.join(sensor.folder, "small")
    sensor.end()
    os.mkdir(log)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", log], stderr=subprocess.DEVNULL).returncode:
        raise lib.Skip("nothing can be mounted here")
    try:
        with open(sensor.config) as f:
            text = f.read()
        with open(sensor.config, "w") as f:
            f.write(text.replace("directory: log", "directory: small"))
        sensor.redis.ask("FLUSHALL")
        sensor.start()
        until(20, "a heartbeat", lambda: len(sensor.beats()) >= 2)
        fill = os.path.join(log, "fill")
        with open(fill, "wb", 0) as f:
            try:
                while f.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        until(30, "it is said", lambda: "warning: log: " in open(sensor.said).read())
        time.sleep(3)
        os.unlink(fill)
        began, ended = sensor.wait_change("log", "began"), sensor.wait_change("log", "ended")
        equal((began["kind"], began["severity"], ended["severity"]), ("sensor.gap", "high", "info"), "what is told")
        true(any(b["health"]["log"].get("failing_ms", 0) > 1000 for b in sensor.beats()), "heartbeats say that it fails")
        equal(sensor.end(), 0, "nothing was lost")
        valid(sensor)
    finally:
        sensor.end(signal.SIGKILL)
        subprocess.run(["umount", log], check=True)


def full_log(sensor):
    """Redis stays away until the log runs full: that is told while nothing is lost, before the next heartbeat, and then how
    many are lost and how many wait."""
    sensor.end()
    with open(sensor.config) as f:
        text = f.read()
    with open(sensor.config, "w") as f:
        f.write(text.replace("heartbeat_s: 1, lag_s: 2", "heartbeat_s: 12, lag_s: 20").replace("alerts: {", "alerts: {spool: {max_mb: 8}, "))
    sensor.start("--flows")
    until(20, "a heartbeat", lambda: len(sensor.beats()) >= 1)
    sensor.redis.stop()

    made = 0

    def fill(what, done, n, pause):
        nonlocal made
        for _ in range(80):
            if done():
                return
            subprocess.run(sensor.net.at(sensor.net.a, sys.executable, "-c", SOME_FLOWS % (2000 + made, 2000 + made + n, sensor.net.SERVER)),
                           check=True, timeout=60)
            made += n
            time.sleep(pause)
        true(False, "not within 80 rounds: " + what)

    def says(word):
        return word in open(sensor.said).read()

    def log_bytes():
        return sum(os.stat(path).st_size for path in glob.glob(os.path.join(sensor.folder, "log", "pulse", "rec", "**", "*.jsonl"), recursive=True))

    fill("three quarters of the log", lambda: log_bytes() > 8 * 2**20 * 3 // 4, 500, 0.2)
    fill("it is nearly full", lambda: says("warning: full: "), 250, 1)  # no faster than it looks
    fill("it is full", lambda: says("its oldest records go before"), 500, 0.2)
    said = open(sensor.said).read()
    full = re.search(r"warning: full: The log is (\d+) % full and (\d+) of its records are not delivered: the oldest of them go next", said)
    true(full and full.start() < said.index("its oldest records go before"), "full is told before anything is lost: " + said)
    text = until(40, "delivery", lambda: re.search(r"warning: delivery: (\d+) records wait.*: (\d+) older ones are lost", open(sensor.said).read()))
    sensor.redis.start()
    sensor.wait_change("delivery", "ended", 120)
    # what was on its way when the log dropped it is a gap of its own, told before or after the great one
    until(20, "the gaps", lambda: 0 < int(text[2]) <= sum(
        r["counters"]["lost_records"] for _, r, _ in sensor.health() if r["type"] == "gap" and r["reason"] == "retention"))
    sensor.end()


def watched(sensor):
    """What a person sees of it: silence, the return and the stop once each; no heartbeats unless asked for."""
    until(20, "a heartbeat", lambda: len(sensor.beats()) >= 2)
    shown, said = os.path.join(sensor.folder, "shown"), os.path.join(sensor.folder, "said")
    url = ["watch", "--redis", sensor.redis.url]

    def told(text):
        until(30, text, lambda: text in open(said).read())

    with open(shown, "w") as out, open(said, "w") as err, \
            lib.process([lib.LEAKTAP, *url], stdout=out, stderr=err) as watch:
        time.sleep(1)
        sensor.redis.stop()
        told("trying again")
        time.sleep(4)  # longer than three heartbeats: no sensor is called silent for that
        sensor.redis.start()
        told("is back")
        sensor.wait_change("delivery", "ended")
        sensor.end(signal.SIGKILL)
        told("sensor pulse has given no sign for ")
        sensor.start()
        told("sensor pulse is back")
        equal(sensor.end(), 0, "status")
        told("sensor pulse has stopped")
        time.sleep(4)
        watch.terminate()
        watch.wait(20)
    equal([line.split("pulse ")[1].strip().split(" for ")[0] for line in open(said) if "sensor pulse" in line],
          ["has given no sign", "is back", "has stopped"], "what is said of it, once each")
    text = open(shown).read()
    true("\n  pulse" not in text and "running;" not in text, "heartbeats flood nobody: " + text)
    equal((text.count("sensor.delivery  began"), text.count("sensor.delivery  ended")), (1, 1), "blocks")
    true("  do     Records are delivered in time again" in text, text)
    high, _ = lib.leaktap(*url, "--no-follow", "--min-severity", "high")
    equal((high.count("sensor.delivery  began"), high.count("sensor.delivery  ended")), (1, 1), "the end is told to whom the begin was")
    beats, _ = lib.leaktap(*url, "--no-follow", "--health", "--since", "1h")
    equal(sum(line.startswith("  pulse") for line in beats.splitlines()), len(sensor.beats()), "heartbeats for who asks")
    rows = lib.records(lib.leaktap(*url, "--no-follow", "--json", "--since", "1h")[0])
    equal({r["kind"] for r in rows if r["type"] == "sensor"}, {"sensor.delivery"}, "kinds as JSON")


def drops(sensor):
    until(20, "a heartbeat", lambda: len(sensor.beats()) >= 2)
    sensor.p.send_signal(signal.SIGSTOP)
    sensor.send(5000)  # 7 MB into a ring of 2 MiB
    sensor.p.send_signal(signal.SIGCONT)
    began = sensor.wait_change("drops", "began")
    true(began["counters"]["dropped"] > 100 and "raise capture.ring_mb" in began["summary"], f"{began}")
    ended = sensor.wait_change("drops", "ended")
    true(ended["counters"]["lasted_s"] >= 2, "three looks without a loss")
    equal(len(sensor.changes("drops")), 2, "told once each")
    equal(sensor.end(), 0, "status")
    dropped = sensor.beats()[-1]["counters"]["dropped_ring"]
    true(f"dropped in ring {dropped} " in open(sensor.said).read(), "the account says the same")
    valid(sensor)


def tap_silent(sensor):
    sensor.net.ip("-n", sensor.net.a, "addr", "flush", "dev", sensor.net.tag + "v")  # nobody speaks by himself
    began = until(60, "silence", lambda: sensor.changes("silence"))[0]
    equal((began["state"], began["kind"], began["about"]), ("began", "sensor.silence", sensor.net.dev), "what began")
    sensor.net.ip("-n", sensor.net.a, "addr", "add", sensor.net.CLIENT + "/32", "dev", sensor.net.tag + "v")
    sensor.net.ip("-n", sensor.net.a, "route", "add", sensor.net.SERVER + "/32", "dev", sensor.net.tag + "v")
    sensor.send(1)
    sensor.wait_change("silence", "ended")
    sensor.net.ip("-n", sensor.net.b, "link", "del", sensor.net.dev)
    equal(sensor.p.wait(30), 1, "status when the interface is gone")
    last = sensor.beats()[-1]
    equal(last["state"], "stopping", "the last one")
    true(sensor.net.dev in last["summary"], "says why: " + last["summary"])
    valid(sensor)


def one_of_two_goes(sensor):
    """One of two interfaces is deleted: the sensor reads the other, and says so at once."""
    sensor.end()
    sensor.start("-i", "lo")
    until(20, "a heartbeat", lambda: len(sensor.beats()) >= 4)
    sensor.net.ip("-n", sensor.net.b, "link", "del", sensor.net.dev)
    began = sensor.wait_change("silence", "began")
    equal((began["about"], began["severity"]), (sensor.net.dev, "high"), "what began")
    true("is no longer read" in began["summary"], began["summary"])
    n = len(sensor.beats())
    until(20, "it goes on", lambda: len(sensor.beats()) >= n + 2)
    equal(sensor.beats()[-1]["health"]["conditions"], ["silence"], "conditions")
    equal([i["name"] for i in sensor.beats()[-1]["health"]["interfaces"]], [sensor.net.dev, "lo"], "interfaces")
    equal(sensor.end(), 1, "status: an interface went away")
    equal((sensor.beats()[-1]["state"], len(sensor.changes("silence"))), ("stopping", 1), "the end")
    valid(sensor)


def main():
    for name, test, silence_s in (("heartbeats from start to stop", heartbeats, 0),
                                  ("Redis goes away and comes back", redis_away, 0),
                                  ("a killed sensor is silent, a stopped one is not", killed, 0),
                                  ("a full table of flows", full_table, 0),
                                  ("a full disk below the log", full_disk, 0),
                                  ("the log runs full while Redis is away", full_log, 0),
                                  ("a person watches", watched, 0),
                                  ("lost packets are told once, and their end", drops, 0),
                                  ("one of two interfaces goes away", one_of_two_goes, 0),
                                  ("an interface falls silent, and goes away", tap_silent, 3)):
        if sys.argv[1:] and test.__name__ not in sys.argv[1:]:
            continue
        with case(name), lib.folder() as folder, lib.Net() as net, lib.Redis(folder) as redis:
            sensor = Sensor(folder, net, redis, silence_s)
            try:
                test(sensor)
            finally:
                if sensor.p.poll() is None:
                    sensor.p.kill()
                    sensor.p.wait()
    lib.finish()


lib.whole(main)
