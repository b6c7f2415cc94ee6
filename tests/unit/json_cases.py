#!/usr/bin/python3
"""Writes json_cases.h: random documents and the fields that Python's json module finds in them.
Usage: python3 tests/unit/json_cases.py > tests/unit/json_cases.h (the seed is fixed: always the same)."""
import json
import random

rnd = random.Random(8259)
WORDS = ["hello", "key", "päß", "日本", "😀", 'q"uote', "back\\slash", "new\nline", "tab\t", "/", "\u0001", "", "e\u0301",
         "{not json}", "[1,2]", "a" * 40, "\ud83d", "\udc00x", "\x7f"]
NAMES = ["a", "b", "content", "text", "role", "x y", "na\"me", "ü", "fifteen_letters", "a_name_of_sixteen", "long name " * 4]


def value(depth):
    kind = rnd.randrange(10 if depth else 6)
    if kind < 3:
        return "".join(rnd.choice(WORDS) for _ in range(rnd.randrange(5)))
    if kind == 3:
        return rnd.choice([0, 1, -1, 99999, 100000, -100000, 4111111111111111, 10**25, -(10**7)])
    if kind == 4:
        return rnd.choice([0.5, -2.25, 1e300, 1234567.25, 1e-7])
    if kind == 5:
        return rnd.choice([True, False, None])
    if kind < 8:
        return [value(depth - 1) for _ in range(rnd.randrange(4))]
    return {rnd.choice(NAMES): value(depth - 1) for _ in range(rnd.randrange(4))}


def out(s):
    return s.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def walk(v, path, key, fields):
    def field(p, k, t):
        if t:
            fields.append(out(p) + b" <" + out(k) + b"> " + t + b"\n")
    if isinstance(v, str):
        field(path or "body", key, out(v))
    elif isinstance(v, bool) or v is None:
        pass
    elif isinstance(v, (int, float)):
        t = json.dumps(v)
        if "e" not in t and len(t.lstrip("-").split(".")[0]) >= 6:
            field(path, key, t.encode())
    elif isinstance(v, list):
        for i, x in enumerate(v):
            walk(x, f"{path}[{i}]", key, fields)
    else:
        for k, x in v.items():
            if len(out(k)) >= 16:
                field(path + "{}", "", out(k))
            walk(x, f"{path}.{k}" if path else k, k, fields)


def c_string(b):
    lines, line = [], ""
    for i, c in enumerate(b):
        ch = chr(c)
        line += {'"': '\\"', "\\": "\\\\", "\n": "\\n", "?": "\\?"}.get(ch, ch if 32 <= c < 127 else f"\\{c:03o}")
        if len(line) > 88:
            lines.append(line)
            line = ""
    lines.append(line)
    return "\n\t\t".join(f'"{x}"' for x in lines)


print("/* json_cases.h - written by json_cases.py; documents and the fields that Python's json module finds. */\n/* clang-format off */")
print("static const struct {\n\tconst char *json;\n\tunsigned short json_n;\n\tconst char *fields;\n} json_cases[] = {")
made = 0
while made < 120:
    doc = value(4)
    if not isinstance(doc, (dict, list)) or not doc:
        continue
    ascii_only = bool(rnd.randrange(2)) or "\\ud" in json.dumps(doc)
    text = json.dumps(doc, ensure_ascii=ascii_only, indent=rnd.choice([None, None, 1, 4]),
                      separators=rnd.choice([None, (",", ":")]))
    fields = []
    walk(json.loads(text), "", "", fields)
    expect = b"".join(fields)
    body = text.encode()
    if len(body) > 700 or any(len(f.split(b" <")[0]) > 250 for f in fields):
        continue
    made += 1
    print("\t{" + c_string(body) + f",\n\t\t{len(body)},\n\t\t" + c_string(expect) + "},")
print("};")
