#!/usr/bin/env python3
"""Holds lines of records against docs/records.schema.json, and the order of their members against the schema's.

    schema.py [FILE|-]...      or      schema.py --source ALERT_SOURCE LEAKTAP
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import jsonschema
except ImportError:
    print("schema: python3-jsonschema is not installed")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))


def in_order(record, schema, defs, where=""):
    """Members stand in the order in which the schema names them."""
    schema = defs[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    if isinstance(record, list):
        return [f for r in record for f in in_order(r, schema.get("items", {}), defs, where)]
    if not isinstance(record, dict) or "properties" not in schema:
        return []
    names = list(schema["properties"])
    places = [names.index(k) for k in record if k in names]
    faults = [] if places == sorted(places) else ["%s: members are not in order" % (where or "record")]
    for k, v in record.items():
        faults += in_order(v, schema["properties"].get(k, {}), defs, where + "." + k)
    return faults


def main():
    with open(os.path.join(HERE, "../../docs/records.schema.json"), encoding="utf-8") as f:
        schema = json.load(f)
    validator = jsonschema.Draft202012Validator(schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    faults = 0
    for name, lines in samples(sys.argv[1:]):
        found = [f for n, line in enumerate(lines, 1) for f in check(n, json.loads(line), schema, validator)]
        found = found or ([] if lines else ["no record"])
        faults += len(found)
        print("%s %s: %d records%s" % ("not ok" if found else "ok", name, len(lines), "".join(", " + f[:300] for f in found[:5])))
    return 1 if faults else 0


def samples(args):
    """(name, lines) of every input: made-up events of every kind, real runs, or the files given."""
    if args[:1] == ["--source"]:
        yield "made-up events", output([args[1], "-n", "50", "-f", "-"])
        yield "a full queue", output([args[1], "-n", "5000", "-q", "16", "-"])
        leaktap, captures = args[2], os.path.join(HERE, "../captures")
        for name in sorted(os.listdir(captures)):
            capture = os.path.join(captures, name, "capture.pcap")
            if os.path.exists(capture):
                yield "run on " + name, output([leaktap, "run", "-q", "--flows", "-r", capture])
        return
    for a in args or ["-"]:
        yield a, list(sys.stdin if a == "-" else open(a, encoding="utf-8"))


def output(argv):
    with tempfile.TemporaryDirectory() as state:
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
                              env=dict(os.environ, STATE_DIRECTORY=state)).stdout.decode().splitlines()


def check(n, record, schema, validator):
    part = schema["$defs"].get(record.get("type"), {})
    found = ["%s: %s" % ("/".join(map(str, e.path)), e.message)
             for e in jsonschema.Draft202012Validator({**part, "$defs": schema["$defs"]}).iter_errors(record)]
    if not part or (not found and not validator.is_valid(record)):
        found.append("no type of the schema")
    return ["line %d: %s" % (n, f) for f in found + in_order(record, part, schema["$defs"])]


if __name__ == "__main__":
    sys.exit(main())
