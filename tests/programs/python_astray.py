"""Fetches two pages through memory BIOs, in one thread. For the first, the thread uses a socket of
somebody else between receiving bytes and handing them to TLS: python_astray.py CERT HOST PORT, and
begins after a line on standard input."""

import socket
import ssl
import sys

cert, host, port = sys.argv[1:]
context = ssl.create_default_context(cafile=cert)
listener = socket.create_server(("127.0.0.1", 0))
other = socket.create_connection(listener.getsockname())
print("other", other.getsockname()[1], flush=True)
sys.stdin.readline()


def fetch(path, astray):
    stream = socket.create_connection((host, int(port)))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=host)

    def done(call):
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                stream.sendall(outgoing.read())
                received = stream.recv(65536)
                if astray:
                    other.sendall(b".")
                incoming.write(received) if received else incoming.write_eof()

    done(tls.do_handshake)
    tls.write(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    try:
        while done(lambda: tls.read(65536)):
            pass
    except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
        pass
    print(path, stream.getsockname()[1], flush=True)
    stream.close()


fetch("first", True)
fetch("second", False)
