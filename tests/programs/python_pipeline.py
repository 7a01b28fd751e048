"""Sends a file over one TLS connection as it is, and prints what it gets.

Usage: python_pipeline.py CERT PORT FILE LENGTH. A line `---` in the file means: wait for the head of
an answer. It reads LENGTH bytes in all.
"""

import socket
import ssl
import sys

cert, port, requests, length = sys.argv[1:]
context = ssl.create_default_context(cafile=cert)
with open(requests, "rb") as file:
    parts = file.read().split(b"---\r\n")
with socket.create_connection(("127.0.0.1", int(port))) as raw:
    with context.wrap_socket(raw, server_hostname="localhost") as sock:
        got = b""
        for number, part in enumerate(parts):
            while number and b"\r\n\r\n" not in got:
                got += sock.recv(65536)
            sock.sendall(part)
        while len(got) < int(length) and (data := sock.recv(65536)):
            got += data
sys.stdout.buffer.write(got)
