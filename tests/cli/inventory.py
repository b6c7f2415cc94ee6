#!/usr/bin/python3
"""leaktap inventory: what was used, by whom, and a register to begin with."""
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import LEAKTAP, TOP, case, equal, finish, true

DEMO = os.path.join(TOP, "tests/captures/demo")
HIDDEN = os.path.join(TOP, "tests/captures/hidden")


def leaktap(*argv, stdin=b"", status=0):
    env = dict(os.environ, LEAKTAP_DATA=os.path.join(TOP, "config"))
    env.pop("LEAKTAP_CONFIG", None)
    p = subprocess.run([LEAKTAP, *argv], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=60)
    equal(p.returncode, status, " ".join(argv) + ": " + p.stderr.decode(errors="replace"))
    return p.stdout.decode(), p.stderr.decode(errors="replace")


def of(folder, *more):
    return leaktap("inventory", "-c", os.path.join(folder, "leaktap.yaml"), "-r", os.path.join(folder, "capture.pcap"), *more)[0]


with case("a table for people, CSV and JSON for programs say the same"):
    rows = list(csv.DictReader(io.StringIO(of(DEMO, "--csv"))))
    true(len(rows) >= 5, f"{len(rows)} rows")
    services = {r["service"] for r in rows}
    true({"openai-api", "anthropic-api", "chatgpt"} <= services, services)
    table = of(DEMO)
    for r in rows:
        true(any(r["service"] in line or r.get("name", "-") in line for line in table.splitlines()), f"{r} is not in the table")
    true(json.loads(of(DEMO, "--json")), "JSON")

with case("records of a run give what the capture gives"):
    flows, _ = leaktap("run", "-c", os.path.join(DEMO, "leaktap.yaml"), "-r", os.path.join(DEMO, "capture.pcap"), "--flows", "-o", "-")
    got, _ = leaktap("inventory", "-c", os.path.join(DEMO, "leaktap.yaml"), "--records", "-", "--csv", stdin=flows.encode())
    equal(got, of(DEMO, "--csv"), "CSV")

with case("what has no name is counted, and a proxy's own side is not counted twice"):
    text = of(HIDDEN)
    true("nor did DNS" in text and "encrypted client hello" in text and "counted at its client's" in text, text)
    rows = list(csv.DictReader(io.StringIO(of(HIDDEN, "--csv"))))
    equal(len([r for r in rows if r["service"] == "anthropic-api"]), 1, "rows of anthropic-api")
    flows, _ = leaktap("run", "-c", os.path.join(HIDDEN, "leaktap.yaml"), "-r", os.path.join(HIDDEN, "capture.pcap"), "--flows", "-o", "-")
    got, _ = leaktap("inventory", "-c", os.path.join(HIDDEN, "leaktap.yaml"), "--records", "-", "--csv", stdin=flows.encode())
    equal(got, of(HIDDEN, "--csv"), "CSV of records")

with case("a register written of what was seen is good settings, and ends the flood"):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "register.yaml")
        with open(path, "w") as f:
            f.write(leaktap("inventory", "-r", os.path.join(DEMO, "capture.pcap"), "--register")[0])
        leaktap("check", "-c", path)
        out, _ = leaktap("run", "-c", path, "-r", os.path.join(DEMO, "capture.pcap"), "-o", "-")
        kinds = {json.loads(line)["kind"] for line in out.splitlines()}
        true("destination.unapproved" not in kinds and "destination.source" not in kinds, kinds)

def register(folder, settings, *more, stdin=b""):
    """What --register writes under these settings, and what check says of it."""
    path = os.path.join(folder, "settings.yaml")
    with open(path, "w") as f:
        f.write(settings)
    text, _ = leaktap("inventory", "-c", path, *more, "--register", stdin=stdin)
    with open(os.path.join(folder, "register.yaml"), "w") as f:
        f.write(text)
    leaktap("check", "-c", os.path.join(folder, "register.yaml"))
    return text


with case("a register says what the entries that exist do not cover"):
    text = of(DEMO, "--register")
    yaml = os.path.join(DEMO, "leaktap.yaml")
    for words in (f"# openai-api has an entry at {yaml}:14, which does not cover: reception, operations (destination.source)\n",
                  f"# mistral-api has an entry at {yaml}:29, which ended on 2026-09-30 (destination.expired)\n",
                  f"# anthropic-api has an entry already, at {yaml}:22, for all of these sources and days\n"):
        true(words in text, f"{words!r} is not in: {text}")
    true("service: openai-api" not in text, "a second entry for a service that has one")


def flow(service, source, group=None, day="2026-11-25", tls=None):
    return json.dumps({"type": "flow", "start": day + "T09:00:00.000000Z", "end": day + "T09:00:01.000000Z", "direction": "out",
                       "source": {"ip": source, **({"group": group} if group else {})}, "bytes": [10, 10],
                       "destination": {"ip": "192.0.2.1", "host": "x.example"}, "service": {"id": service, "name": "X", "by": "sni"},
                       "app": {"visibility": "metadata", **({"tls": {"version": tls}} if tls else {})}})


PARTNER = "policy: {partners: [{service: openai-api, status: approved, sources: [%s], from: 2026-01-01, until: 2026-06-30}%s]}\n"
with case("sources and days are those of the entries, not of the groups' names"), tempfile.TemporaryDirectory() as folder:
    groups = "networks: {groups: {lab: [10.1.0.0/16], office: [10.2.0.0/16]}}\n"
    lines = "\n".join([flow("openai-api", "10.1.0.1", "lab", "2026-05-01"), flow("openai-api", "10.1.0.2", "lab", "2026-05-01"),
                       flow("openai-api", "192.168.7.9", None, "2026-05-01")]).encode()
    text = register(folder, groups + PARTNER % ("10.1.0.1", ""), "--records", "-", stdin=lines)
    true("settings.yaml:2, which does not cover: " in text and "lab (1 of 2 addresses)" in text and '"192.168.7.0/24"' in text, text)
    text = register(folder, groups + PARTNER % ("10.1.0.1", ", {service: openai-api, status: approved, sources: [office]}"),
                    "--records", "-", stdin=lines)
    true("openai-api has 2 entries, the first at " in text and "none of which covers: " in text, text)
    text = register(folder, groups + PARTNER % ("lab, 192.168.7.9", ""), "--records", "-", stdin=lines)
    true("for all of these sources and days" in text and "does not cover" not in text, text)
    text = register(folder, groups + PARTNER % ("lab", ""), "--records", "-", stdin=flow("openai-api", "10.1.0.1", "lab", "2025-12-31").encode())
    true("which begins on 2026-01-01 (destination.expired)" in text and "does not cover" not in text, text)

with case("a register brings the groups it names, and networks for groups it does not know"), tempfile.TemporaryDirectory() as folder:
    groups = "networks: {groups: {lab: [10.1.0.0/16, \"fd00:1::/32\"], office: [10.2.0.0/16]}}\n"
    lines = "\n".join([flow("openai-api", "10.1.0.1", "lab"), flow("openai-api", "10.9.0.1", "another sensor's: group")]).encode()
    text = register(folder, groups, "--records", "-", stdin=lines)
    true('"lab": ["10.1.0.0/16", "fd00:1::/32"]' in text and "office" not in text and "another" not in text, text)
    true('sources: ["lab", "10.9.0.0/24"]' in text or 'sources: ["10.9.0.0/24", "lab"]' in text, text)

with case("a register says nothing that was not seen"), tempfile.TemporaryDirectory() as folder:
    for tls, words in ((None, "# tls_min:                  # fill in: no TLS was seen\n"), ("1.3", "nothing older was seen"),
                       ("1.2", "older versions than 1.3 were seen")):
        text = register(folder, "", "--records", "-", stdin=flow("openai-api", "10.30.1.16", tls=tls).encode())
        true(words in text, text)
        equal("1.3" in text, bool(tls), "a version in: " + text)
    true('sources: ["10.30.1.0/24"]        # seen from 1 address in here' in text, text)
    true("none yet" not in text and "nobody yet" not in text and "# contract:" in text and "# owner:" in text, text)

def wide(text, most):
    """No line of the tables is wider; a service's or group's name may be cut, numbers may not."""
    for line in text.splitlines():
        true(len(line) <= most or line.startswith("not shown"), f"{len(line)} of {most}: {line}")


with case("tables fit the terminal, and say what they leave out"):
    for columns in (72, 80, 100, 120, 200):
        os.environ["COLUMNS"] = str(columns)
        text = of(DEMO)
        del os.environ["COLUMNS"]
        tables = text[:text.rindex("\n\n")]
        wide(tables, columns)
        equal("not shown for want of room" in text, columns < 140, f"at {columns}")
        for head in ("SERVICE", "GROUP", "USERS", "BYTES OUT", "LAST SEEN"):
            true(head in text, f"{head} at {columns}")

with case("both tables leave out the same columns"):
    lines = [json.dumps({"type": "flow", "start": "2026-11-25T09:46:40.000000Z", "end": "2026-11-26T09:46:40.000000Z",
                         "direction": "out", "source": {"ip": "10.1.1.1", "group": "g"}, "bytes": [10, 10],
                         "destination": {"ip": "192.0.2.1", "host": "a-name-that-is-long-enough-to-want-room.example.net"},
                         "app": {"visibility": "metadata"}, "shape": "openai-chat"}),
             json.dumps({"type": "flow", "start": "2026-11-25T09:46:40.000000Z", "end": "2026-11-26T09:46:40.000000Z",
                         "direction": "out", "source": {"ip": "10.1.1.1", "group": "g"}, "bytes": [10, 10],
                         "destination": {"ip": "192.0.2.1", "host": "x.example"}, "service": {"id": "x", "name": "X", "by": "sni"},
                         "app": {"visibility": "metadata"}}), '{"type":"alert"}', '{"type":"health"}']
    for columns in (72, 80, 100, 120, 140):
        os.environ["COLUMNS"] = str(columns)
        text, _ = leaktap("inventory", "--records", "-", stdin="\n".join(lines).encode())
        del os.environ["COLUMNS"]
        heads = [re.split(r"  +", line.strip())[1:] for line in text.splitlines() if line.startswith(("SERVICE", "SUSPECTED"))]
        equal(len(heads), 2, text)
        equal(heads[0], heads[1], f"columns at {columns}")
        wide(text[:text.rindex("\n\n")], columns)
    true("2 alerts and other records passed over" in text, text)

with case("many services, long names and large numbers keep the table in order"):
    lines = []
    for i in range(3000):
        lines.append(json.dumps({
            "type": "flow", "start": "2026-11-25T09:46:40.000000Z", "end": "2026-11-26T09:46:40.000000Z", "direction": "out",
            "source": {"ip": f"10.1.{i // 250}.{1 + i % 250}", "group": f"a group with a long name {i % 7}"},
            "destination": {"ip": "192.0.2.1", "host": f"host{i}.example.net"},
            "service": {"id": f"service-{i % 1500}-with-a-long-id", "name": "x" * 300, "by": "sni"},
            "app": {"visibility": "metadata", "tls": {"version": "1.3", "group": "X25519MLKEM768"}},
            "evasion": [{"kind": "evasion.tunnel"}, {"kind": "evasion.nonsense"}],
            "bytes": [2 ** 60, 2 ** 53]}))
    os.environ["COLUMNS"] = "120"
    text, err = leaktap("inventory", "--records", "-", stdin="\n".join(lines).encode())
    del os.environ["COLUMNS"]
    head = text.splitlines()[0]
    rows = [line for line in text.splitlines() if line.startswith("service-")]
    true(len(rows) >= 1500, f"{len(rows)} rows")
    wide(text, 120)
    true(all("TiB" in r for r in rows), rows[0])
    equal(len({r.index("TiB") for r in rows}), 1, "columns are straight")
    true("3000 flows" in text and "tunnels" in text, text[-300:])

with case("the signs of hiding stand below"):
    text = of(HIDDEN)
    true("(ECH)" in text and "(fronting)" in text and "encrypted DNS" in text, text)
    signs = json.loads(of(HIDDEN, "--json"))["signs"]
    true(signs["evasion.ech"]["flows"] >= 2 and signs["evasion.tunnel"]["flows"] == 0, signs)

with case("what holds no flow records is told"):
    out, err = leaktap("inventory", "--records", "-", stdin=b'{"type":"alert"}\n', status=1)
    true("--flows" in err and len(err.strip().splitlines()) == 1, err)

with case("wrong usage is one line"):
    for argv in (("inventory",), ("inventory", "--since", "0h", "--redis", "redis://localhost"), ("inventory", "--since", "9999999d"),
                 ("inventory", "--since"), ("inventory", "capture.pcap"), ("inventory", "--csv=1", "-r", "x"),
                 ("inventory", "-r", "x", "--since", "1h"), ("inventory", "--redis", "nonsense"),
                 ("inventory", "--csv", "--json", "-r", "x"), ("inventory", "-r", "/nonexistent"), ("inventory", "-r", "x", "--records", "y"),
                 ("inventory", "--what")):
        _, err = leaktap(*argv, status=2)
        equal(len(err.strip().splitlines()), 1, err)

with case("a server that is away is told"):
    _, err = leaktap("inventory", "--redis", "unix:///nonexistent/redis.sock", status=1)
    equal(len(err.strip().splitlines()), 1, err)

finish()
