"""One process, both ends of one connection: a thread that sends so many bytes in one call, and one
that receives them. Both block every signal.

Usage: python_large_call.py CERT KEY SIZE. It waits for a line before it starts, and prints what
each end moved, as tlsdrive does.
"""

import hashlib
import json
import os
import signal
import socket
import ssl
import sys
import threading

cert, key, size = sys.argv[1], sys.argv[2], int(sys.argv[3])


def tell(**line):
    os.write(1, json.dumps(line | {"pid": os.getpid()}).encode() + b"\n")


def report(role, read=b"", write=b""):
    sums = {name: {"len": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in (("read", read), ("write", write))}
    tell(line="conn", role=role, tid=threading.get_native_id(), **sums)


def send(raw):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    data = os.urandom(size)
    with context.wrap_socket(raw, server_side=True) as sock:
        sock.sendall(data)
        sock.unwrap()
    report("server", write=data)


def receive(raw):
    context = ssl.create_default_context(cafile=cert)
    data = bytearray()
    with context.wrap_socket(raw, server_hostname="localhost") as sock:
        while piece := sock.recv(1 << 20):
            data += piece
    report("client", read=data)


signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
tell(line="gate", name="start")
sys.stdin.readline()
threads = [threading.Thread(target=work, args=(end,))
           for work, end in zip((send, receive), socket.socketpair())]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
