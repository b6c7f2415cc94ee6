"""Not a test: sends COUNT chat requests, each with another secret, over a few connections.

    http_client.py ADDRESS PORT HOST COUNT [PER_SECOND [FIRST]]; the secrets are numbered from FIRST"""
import hashlib
import json
import socket
import sys
import time

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def token(n):
    digest = b"".join(hashlib.sha256(b"%d-%d" % (n, k)).digest() for k in range(2))
    return "glpat-" + "".join(ALPHABET[b % 62] for b in digest[:20])


def main():
    address, port, host, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    rate = float(sys.argv[5]) if len(sys.argv) > 5 else 0
    first = int(sys.argv[6]) if len(sys.argv) > 6 else 0
    began, s = time.monotonic(), None
    for i in range(count):
        if i % 500 == 0:
            s = socket.create_connection((address, port), 10)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": f"deploy with {token(first + i)} please"}]})
        s.sendall((f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
        got = b""
        while not got.endswith(b"ok"):
            piece = s.recv(4096)
            if not piece:
                sys.exit("the server closed")
            got += piece
        if rate:
            time.sleep(max(0.0, began + (i + 1) / rate - time.monotonic()))


main()
