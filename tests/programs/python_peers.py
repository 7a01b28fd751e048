"""A TLS client (this process) and server (a child), in Python's blocking or its asyncio manner.

Usage: python_peers.py blocking|asyncio CERT KEY. Each end prints what it moved, as tlsdrive does.
asyncio never shows a socket to OpenSSL: it moves every byte through memory BIOs.
"""

import asyncio
import hashlib
import json
import os
import socket
import ssl
import sys
import threading

SIZES = [1, 1000, 16384, 16385, 300_000]


class Tally:
    """Counts what one end of a connection moves."""

    def __init__(self, role, local, remote):
        self.role, self.local, self.remote = role, local, remote
        self.sums = {"read": [0, hashlib.sha256()], "write": [0, hashlib.sha256()]}

    def add(self, direction, data):
        self.sums[direction][0] += len(data)
        self.sums[direction][1].update(data)

    def report(self):
        line = {"line": "conn", "role": self.role, "pid": os.getpid(), "tid": threading.get_native_id()}
        line.update(local="%s:%d" % self.local, remote="%s:%d" % self.remote)
        for direction, (length, digest) in self.sums.items():
            line[direction] = {"len": length, "sha256": digest.hexdigest()}
        os.write(1, json.dumps(line).encode() + b"\n")


def context(role, cert, key):
    if role == "client":
        return ssl.create_default_context(cafile=cert)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(cert, key)
    return made


def blocking(role, raw, tls):
    sock = tls.wrap_socket(raw, server_side=role == "server", server_hostname="localhost" if role == "client" else None)
    tally = Tally(role, sock.getsockname(), sock.getpeername())

    def put(size):
        data = os.urandom(size)
        sock.sendall(data)
        tally.add("write", data)

    def get(size):
        while size:
            data = sock.recv(size)
            if not data:
                sys.exit("the peer went away")
            tally.add("read", data)
            size -= len(data)

    for size in SIZES:
        if role == "client":
            put(size)
            get(2 * size)
        else:
            get(size)
            put(2 * size)
    tally.report()
    sock.close()


async def evented(role, reader, writer):
    tally = Tally(role, writer.get_extra_info("sockname"), writer.get_extra_info("peername"))

    async def put(size):
        data = os.urandom(size)
        writer.write(data)
        await writer.drain()
        tally.add("write", data)

    async def get(size):
        tally.add("read", await reader.readexactly(size))

    for size in SIZES:
        if role == "client":
            await put(size)
            await get(2 * size)
        else:
            await get(size)
            await put(2 * size)
    tally.report()
    writer.close()


async def evented_server(listener, tls):
    done = asyncio.Event()

    async def serve(reader, writer):
        await evented("server", reader, writer)
        done.set()

    server = await asyncio.start_server(serve, sock=listener, ssl=tls)
    async with server:
        await done.wait()


async def evented_client(port, tls):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname="localhost")
    await evented("client", reader, writer)


def main(manner, cert, key):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    child = os.fork()
    role = "client" if child else "server"
    tls = context(role, cert, key)
    if manner == "asyncio":
        asyncio.run(evented_client(port, tls) if child else evented_server(listener, tls))
    elif child:
        blocking(role, socket.create_connection(("127.0.0.1", port)), tls)
    else:
        blocking(role, listener.accept()[0], tls)
    if child and os.waitpid(child, 0)[1]:
        sys.exit("the server failed")


main(*sys.argv[1:])
