#!/usr/bin/python3
"""leaktap catalogue and leaktap explain, as people and scripts use them."""
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import LEAKTAP, TOP, case, equal, finish, true


def leaktap(*argv, stdin=b"", status=0):
    env = dict(os.environ, LEAKTAP_DATA=os.path.join(TOP, "config"))
    env.pop("LEAKTAP_CONFIG", None)
    p = subprocess.run([LEAKTAP, *argv], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=60)
    equal(p.returncode, status, " ".join(argv) + ": " + p.stderr.decode(errors="replace"))
    return p.stdout.decode(), p.stderr.decode(errors="replace")


def explain(*queries):
    out, _ = leaktap("explain", "--json", "-", stdin=b"".join(q + b"\n" for q in queries))
    answers = [json.loads(line) for line in out.splitlines()]
    equal(len(answers), len(queries), "answers")
    return answers


with case("summary, list and check agree"):
    text, _ = leaktap("catalogue")
    listed = leaktap("catalogue", "--list")[0].splitlines()
    checked = leaktap("catalogue", "--check")[0]
    total = int(next(line for line in text.splitlines() if line.startswith("all ")).split()[1])
    equal(len(listed) - 1, total, "listed")
    true(total >= 220, "too few services")
    true(checked.endswith("\nno faults, 0 remarks\n"), "the shipped files get no remark: " + checked)

with case("a program whose prompts go to its vendor's own API gets no remark, one whose prompts go nowhere does"), tempfile.TemporaryDirectory() as folder:
    own = os.path.join(folder, "own.yaml")
    for vendor, remarked in (("Anthropic", False), ("Somebody", True)):
        with open(own, "w") as f:
            f.write("services: [{id: acme-cli, name: A, vendor: %s, kind: coding, wire: [anthropic-messages],\n"
                    "  hosts: [{match: exact, host: t.acme.example, role: telemetry}]}]\n" % vendor)
        checked = leaktap("catalogue", "--check", own)[0]
        equal("remark: no host of acme-cli carries" in checked, remarked, vendor + ": " + checked)

with case("own shapes are checked, and a shape that is described nowhere is remarked on"), tempfile.TemporaryDirectory() as folder:
    own = os.path.join(folder, "own.yaml")
    service = "services: [{id: acme, name: A, vendor: V, kind: api, wire: [acme-chat, openai-chat]}]\n"
    with open(own, "w") as f:
        f.write(service)
    checked = leaktap("catalogue", "--check", own)[0]
    true("own.yaml:1: remark: the shape `acme-chat' of acme is described nowhere" in checked, checked)
    with open(own, "w") as f:
        f.write(service + "shapes: [{id: acme-chat, requests: [{at: POST /ask, operation: chat}], words: [question]}]\n")
    checked = leaktap("catalogue", "--check", own)[0]
    true("remark: the shape" not in checked and "no faults" in checked, checked)
    with open(own, "w") as f:
        f.write(service + "shapes: [{id: acme-chat, words: [a..b]}]\n")
    _, err = leaktap("catalogue", "--check", own, status=2)
    true("own.yaml:2:34: `words': `a..b' is not a field path" in err, err)

with case("the list is aligned"):
    column = listed[0].index("NAME")
    true(all(line[column] != " " and line[column - 1] == " " for line in listed), "columns differ")

with case("every service can be shown"):
    for line in listed[1::20]:
        ident = line.split()[0]
        shown, _ = leaktap("catalogue", "--show", ident)
        true(shown.startswith("id ") and f" {ident}\n" in shown, shown)

with case("a mistyped id"):
    _, err = leaktap("catalogue", "--show", "opnai-api", status=2)
    true("did you mean `openai-api'" in err, err)

with case("a word that people call a service by"):
    for word, ident in (("openai", "openai-api"), ("ollama", "ollama"), ("anthropic", "anthropic-api")):
        similar = leaktap("explain", word)[0]
        _, err = leaktap("catalogue", "--show", word, status=2)
        equal(len(err.splitlines()), 1, err)
        true(f"similar: " in err and ident in err and "did you mean" not in err, err)
        named = re.search(r"similar: (.*) \(leaktap", err).group(1).split(", ")
        line = next(l for l in similar.splitlines() if l.startswith("  similar"))
        true(all(n in line for n in named), f"{named} is not what explain says: {line}")

with case("wrong usage"):
    leaktap("catalogue", "--list", "--check", status=2)
    leaktap("catalogue", "--show", status=2)
    leaktap("catalogue", "what", status=2)
    leaktap("catalogue", "--nothing", status=2)
    leaktap("explain", status=2)
    leaktap("explain", "--from", "here", "api.openai.com", status=2)
    leaktap("explain", "-c", "/nonexistent/leaktap.yaml", "api.openai.com", status=2)
    leaktap("catalogue", "--help")
    leaktap("explain", "--help")

with case("own files are checked"):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write("services:\n  - id: ours\n    name: Ours\n    vendor: We\n    kind: chat\n"
                "    hosts: [{match: suffix, host: amazonaws.com, role: web}]\n")
        f.flush()
        _, err = leaktap("catalogue", "--check", f.name, status=2)
        true(f"{f.name}:6:13: " in err and "shared" in err, err)

with case("forms of a query"):
    for query, service in [(b"api.openai.com", "openai-api"), (b"API.OpenAI.COM.", "openai-api"),
                           (b"api.openai.com:443", "openai-api"), (b"https://api.openai.com/v1/x", "openai-api"),
                           (b"  wss://chatgpt.com  ", "chatgpt"),
                           (b"https://chatgpt.com/backend-api/codex/responses?a=b", "openai-codex"),
                           (b"github.com/copilot/x", "github-copilot"), (b"github.com/torvalds", None),
                           (b"160.79.104.9", "anthropic-api"), (b"[2607:6bc0::1]:443", "anthropic-api"),
                           (b"2607:6bc0::1", "anthropic-api"), (b"https://[2607:6bc0::1]/v1", "anthropic-api"),
                           (b"10.0.0.1", None), (b"example.com", None), (b"api.openai.com.evil.example", None)]:
        equal(explain(query)[0]["service"], service, query)

with case("a shared name is told as such"):
    answer = explain(b"github.com")[0]
    true(answer["service"] is None and answer["shared"] and answer["verdict"] is None, answer)

with case("an answer says why"):
    answer = explain(b"api.openai.com")[0]
    equal(answer["query"], "api.openai.com")
    equal(answer["verdict"], "unapproved")
    true("suffix api.openai.com" in answer["rule"] and "apis.yaml:" in answer["rule"], answer)
    true(answer["why"], answer)
    text, _ = leaktap("explain", "api.openai.com")
    true("openai-api" in text and "unapproved" in text and "apis.yaml:" in text, text)

with case("user part and query are never printed back"):
    for query in (b"https://bob:hunter2@api.openai.com/v1?key=hunter2#hunter2", b"bob:hunter2@github.com/copilot",
                  b"https://bob:hunt/er2hunter2@api.openai.com/", b"https://bob:x?hunter2@api.openai.com/",
                  b"https://api.openai.com\\@hunter2/", b"bob@hunter2@@/hunter2 x"):
        for out in leaktap("explain", "--json", "-", stdin=query)[0], leaktap("explain", "-", stdin=query)[0]:
            true("hunter2" not in out, out)

with case("what ends in a number is no name"):
    for query in (b"999.1.1.1", b"1.2.3", b"api.openai.com.1", b"http://10.0.0.256:8080/v1"):
        true(explain(query)[0]["why"].startswith("this is no address"), query)
    true(not explain(b"host7.example")[0]["why"].startswith("this is no address"), "a digit before a letter")

with case("conditions of an entry are told as people write them"), tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "s.yaml")
    with open(path, "w") as f:
        f.write("policy:\n  partners:\n  - service: openai-api\n    contract: C-1\n    owner: a@b.example\n    status: approved\n"
                "    sources: [10.9.3.20, 10.9.4.0/24, \"fd00::1\"]\n    data: {deny: [all]}\n    upload_daily: 200MiB\n")
    text, _ = leaktap("explain", "-c", path, "api.openai.com")
    for words in ("at most 200 MiB a day", "deny all; allow none", "10.9.3.20, 10.9.4.0/24, fd00::1: depends"):
        true(words in text, f"{words!r} is not in: {text}")

with case("junk gets an answer"):
    junk = [b"", b"\x00", b"\xff\xfe\xfd", b"a b c", b"http://", b"://", b"[::1", b"[]", b"..", b"a..b", b"." * 5000,
            b"x" * 70000, b"api.openai.com:99999", b"api.openai.com:x", b"@", b"/", b"\x1b[31mred", b"http:///x",
            b"999.999.999.999", b"::::", "аpi.openai.com".encode()]
    for answer in explain(*junk):
        true(answer["service"] is None and answer["why"], answer)

with case("a terminal gets no control characters"):
    out, _ = leaktap("explain", "-", stdin=b"\x1b[31mred\x07.example\n\xc2\x9b31m\n")
    true(all(c == "\n" or " " <= c <= "~" for c in out), repr(out))

finish()
