"""An HTTP/1.1 server over asyncio that logs both ways of every connection.

Usage: python_http1.py CERT KEY DIR. Prints `port N` and serves until standard input ends. What a
connection sent and got is in DIR/N.read and DIR/N.write, numbered from 0. It answers by path:

  /echo        the request's body, by length
  /chunked     the request's body in chunks, with trailers
  /close       the request's body up to the end of the connection
  /early       100 and 103 before the answer
  /none/204, /none/304   no body
  /coded/NAME  the bytes of DIR/NAME.plain, which are in DIR/NAME.coded in this coding
  /upgrade     101, then an echo of bytes
  CONNECT      a tunnel to itself: an HTTP/1.1 exchange within it
"""

import asyncio
import itertools
import pathlib
import ssl
import sys

cert, key, where = sys.argv[1:]
where = pathlib.Path(where)
numbers = itertools.count()


class Connection:
    def __init__(self, reader, writer):
        number = next(numbers)
        self.reader, self.writer = reader, writer
        self.got, self.sent = ((where / f"{number}.{side}").open("wb", buffering=0) for side in ("read", "write"))

    async def line(self):
        line = await self.reader.readline()
        self.got.write(line)
        return line

    async def exactly(self, size):
        data = await self.reader.readexactly(size)
        self.got.write(data)
        return data

    async def put(self, data):
        self.sent.write(data)
        self.writer.write(data)
        await self.writer.drain()

    async def body(self, fields):
        if fields.get("transfer-encoding") == "chunked":
            data = b""
            while size := int((await self.line()).split(b";")[0], 16):
                data += await self.exactly(size)
                await self.line()
            while (await self.line()).strip():
                pass
            return data
        return await self.exactly(int(fields.get("content-length", 0)))

    async def request(self):
        first = await self.line()
        if not first:
            return False
        method, target, _ = first.decode().split()
        fields = {}
        while line := (await self.line()).decode().strip():
            name, value = line.split(":", 1)
            fields[name.lower()] = value.strip()
        if fields.get("expect") == "100-continue":
            await self.put(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await self.body(fields)
        return await self.answer(method, target, body)

    async def answer(self, method, target, body):
        head = b"" if method == "HEAD" else body
        length = b"Content-Length: %d\r\n" % len(body)
        if method == "CONNECT":
            await self.put(b"HTTP/1.1 200 Connected\r\n\r\n")
        elif target == "/chunked":
            await self.put(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
            for at in range(0, len(body), 70_001):
                piece = body[at : at + 70_001]
                await self.put(b"%x;part=%d\r\n%s\r\n" % (len(piece), at, piece))
            await self.put(b"0\r\nX-Sum: %d\r\n\r\n" % len(body))
        elif target == "/close":
            await self.put(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + head)
            return False
        elif target == "/early":
            await self.put(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
            await self.put(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + head)
        elif target.startswith("/none/"):
            await self.put(b"HTTP/1.1 %s Nothing\r\nETag: \"a\"\r\n\r\n" % target[6:].encode())
        elif target.startswith("/coded/"):
            name = target[7:]
            data = (where / f"{name}.coded").read_bytes()
            await self.put(b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (name.encode(), len(data)))
            for at in range(0, len(data), 5000):
                await self.put(data[at : at + 5000])
        elif target == "/upgrade":
            await self.put(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
            await self.put(await self.exactly(11))
            return False
        else:
            await self.put(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + head)
        return True


async def serve(reader, writer):
    connection = Connection(reader, writer)
    try:
        while await connection.request():
            pass
    finally:
        writer.close()


async def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, limit=1 << 20)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
