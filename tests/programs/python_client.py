"""Asks a server for a page three times, in a full handshake, resumed, and with a certificate, which is
the server's own: python_client.py PORT VERSION CERT KEY, where VERSION is 1.2 or 1.3. Says what the
pages say."""

import socket
import ssl
import sys

port, version, cert, key = sys.argv[1:]
context = ssl.create_default_context(cafile=cert)
context.maximum_version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]


def ask(session=None):
    with socket.create_connection(("127.0.0.1", int(port))) as stream:
        tls = context.wrap_socket(stream, server_hostname="localhost", session=session)
        tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while page := tls.recv(65536):
            print(page.decode(), flush=True)
        assert tls.session_reused == bool(session)
        return tls.session


ask(ask())
context.load_cert_chain(cert, key)
ask()
