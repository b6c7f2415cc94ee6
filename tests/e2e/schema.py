#!/usr/bin/env python3
"""Holds lines of records against docs/records.schema.json, and the order of their members against the schema's.

    schema.py [FILE|-]...      or      schema.py --source ALERT_SOURCE
"""
import json
import os
import subprocess
import sys

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
    args = sys.argv[1:]
    if args[:1] == ["--source"]:
        run = subprocess.run([args[1], "-n", "50", "-f", "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             check=True)
        lines = run.stdout.decode().splitlines()
    else:
        lines = [line for a in args or ["-"] for line in (sys.stdin if a == "-" else open(a, encoding="utf-8"))]
    faults = 0
    for n, line in enumerate(lines, 1):
        record = json.loads(line)
        part = schema["$defs"].get(record.get("type"), {})
        found = ["%s: %s" % ("/".join(map(str, e.path)), e.message)
                 for e in jsonschema.Draft202012Validator({**part, "$defs": schema["$defs"]}).iter_errors(record)]
        if not part or (not found and not validator.is_valid(record)):
            found.append("no type of the schema")
        found += in_order(record, part, schema["$defs"])
        for f in found:
            faults += 1
            print("line %d: %s" % (n, f[:300]))
    print("%d records, %d faults" % (len(lines), faults))
    return 1 if faults or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
