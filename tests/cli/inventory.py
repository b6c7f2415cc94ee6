#!/usr/bin/python3
"""leaktap inventory: what was used, by whom, and a register to begin with."""
import csv
import io
import json
import os
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

with case("wrong usage is one line"):
    for argv in (("inventory", "--csv", "--json", "-r", "x"), ("inventory", "-r", "/nonexistent"), ("inventory", "-r", "x", "--records", "y"),
                 ("inventory", "--what")):
        _, err = leaktap(*argv, status=2)
        equal(len(err.strip().splitlines()), 1, err)

with case("a server that is away is told"):
    _, err = leaktap("inventory", "--redis", "unix:///nonexistent/redis.sock", status=1)
    equal(len(err.strip().splitlines()), 1, err)

finish()
