"""An HTTPS server, or a pair of WebSocket ends over TLS.

python_web.py serve CERT KEY   prints `port N` and serves until it is stopped:
  POST /login   a cookie, a redirect with a token, and gzip'd JSON with a password
  GET /events   server-sent events, one after each line on standard input
  other paths   404
python_web.py socket CERT KEY  a client talks to a server of its own, compressed; prints what each got.
"""

import asyncio
import gzip
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = gzip.compress(json.dumps({"user": "ann", "password": "hunter2-answer"}).encode())
        self.send_response(302)
        self.send_header("Set-Cookie", "session=hunter2-cookie; Path=/; HttpOnly")
        self.send_header("Location", "/next?access_token=hunter2-location&page=2")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path != "/events":
            body = b"nothing here"
            self.send_response(404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for number, line in enumerate(sys.stdin):
            self.wfile.write(b"id: %d\nevent: tick\ndata: %s\n\n" % (number, line.strip().encode()))
            self.wfile.flush()
        self.close_connection = True


def serve(tls):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    print("port", server.server_port, flush=True)
    server.serve_forever()


MESSAGES = ["hello from the client", b"\x00\x01\x02 binary", "a" * 5000, "hello again from the client"]


async def socket(tls, cert):
    import websockets

    async def echo(connection, *_):
        async for message in connection:
            await connection.send(message)

    async with websockets.serve(echo, "127.0.0.1", 0, ssl=tls) as server:
        port = server.sockets[0].getsockname()[1]
        client = ssl.create_default_context(cafile=cert)
        uri = "wss://localhost:%d/chat?room=1" % port
        async with websockets.connect(uri, ssl=client) as connection:
            for message in MESSAGES:
                await connection.send(message)
                if await connection.recv() != message:
                    sys.exit("the echo differs")
            await (await connection.ping(b"are you there"))
            await connection.close(1000, "done here")


def main(manner, cert, key):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    if manner == "serve":
        serve(tls)
    else:
        asyncio.run(socket(tls, cert))


main(*sys.argv[1:])
