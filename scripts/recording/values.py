"""Values to plant in recordings: well-formed, checksums right, issued by nobody.  The same seed gives the same."""
import base64
import hashlib
import random
import zlib

B62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def pick(rnd, alphabet, n):
    return "".join(rnd.choice(alphabet) for _ in range(n))


def github(rnd):
    body = pick(rnd, B62, 30)
    crc, tail = zlib.crc32(body.encode()), ""
    for _ in range(6):
        crc, d = divmod(crc, 62)
        tail = B62[d] + tail
    return "ghp_" + body + tail


def card(rnd):
    digits = "4539" + pick(rnd, "0123456789", 11)
    total = sum(int(d) if i % 2 else (int(d) * 2 - 9 if int(d) > 4 else int(d) * 2) for i, d in enumerate(digits))
    digits += str(-total % 10)
    return " ".join(digits[i:i + 4] for i in range(0, 16, 4))


def iban(rnd):
    account = "370400440" + pick(rnd, "0123456789", 9)
    check = 98 - int(account + "131400") % 97
    return f"DE{check:02d}{account}"


def ssn(rnd):
    return f"{rnd.randint(101, 660)}-{rnd.randint(10, 99)}-{rnd.randint(1001, 9998)}"


def aws(rnd):
    return "AKIA" + pick(rnd, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)


def slack(rnd):
    return f"xoxb-{pick(rnd, '123456789', 12)}-{pick(rnd, '123456789', 12)}-{pick(rnd, B62, 24)}"


def stripe(rnd):
    return "sk_live_" + pick(rnd, B62, 24)


def jwt(rnd):
    def part(text):
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    body = part('{"alg":"HS256","typ":"JWT"}') + "." + part('{"sub":"%s","admin":true}' % pick(rnd, "0123456789", 8))
    return body + "." + base64.urlsafe_b64encode(hashlib.sha256(body.encode()).digest()).decode().rstrip("=")


def database(rnd):
    return f"postgres://ledger:{pick(rnd, B62, 14)}@db7.corp.internal:5432/ledger"


def password(rnd):
    return f"password = {pick(rnd, B62, 6)}!{pick(rnd, B62, 6)}"


KINDS = {"github_pat": (github, "secret"), "credit_card": (card, "pii"), "iban": (iban, "pii"), "us_ssn": (ssn, "pii"),
         "aws_access_key": (aws, "secret"), "slack_bot_token": (slack, "secret"), "stripe_live_key": (stripe, "secret"),
         "jwt": (jwt, "secret"), "connection_string": (database, "secret"), "password_assignment": (password, "secret")}


def values(seed):
    """[{id, kind, cls, value}], one of each kind."""
    rnd = random.Random(seed)
    return [{"id": f"v{i + 1}", "kind": k, "cls": cls, "value": make(rnd)} for i, (k, (make, cls)) in
            enumerate(KINDS.items())]


def many(seed, n):
    """n of one kind, to tell requests apart."""
    rnd = random.Random(seed)
    return [{"id": f"v{i + 1}", "kind": "github_pat", "cls": "secret", "value": github(rnd)} for i in range(n)]
