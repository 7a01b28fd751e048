"""A proxy that is spoken to over TLS and knows one method, CONNECT.

Usage: python_proxy.py CERT KEY. Prints `port N` and serves until it is stopped.
"""

import asyncio
import ssl
import sys

cert, key = sys.argv[1:]


async def move(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def serve(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    method, target, _ = head.split(maxsplit=2)
    assert method == b"CONNECT", head
    host, port = target.decode().rsplit(":", 1)
    there = await asyncio.open_connection(host, int(port))
    writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
    await asyncio.gather(move(reader, there[1]), move(there[0], writer))


async def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
