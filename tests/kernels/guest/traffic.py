"""The TLS traffic of the checks: what is sent, and the two ends that send it."""

import hashlib
import os
import socket
import ssl
import subprocess
import sys

PYTHON = ["/usr/bin/python3", "-S", "-B"]
SIZES = (1, 16383, 16384, 16385, 100000, 1048576)
CERT, KEY = "/guest/cert.pem", "/guest/key.pem"
# Long for an emulated processor on a busy machine, short against the limit of the whole boot.
PATIENCE = 60


class End:
    """One end of a connection, and what a complete capture of it must hold."""

    def __init__(self, name, pid, local, remote, read, write):
        self.name, self.pid = name, pid
        self.local, self.remote = local, remote
        self.bytes = {"read": read, "write": write}


def payload(who, name, size):
    """Bytes that both ends can make by themselves, different for every connection."""
    return hashlib.shake_128(f"{who} {name} {size}".encode()).digest(size)


def python_pair(host, port=0):
    """This process serves, a python3 of its own is the client; they take turns by size."""
    name = f"python {host}"
    return converse(name, host, SIZES, lambda port: [*PYTHON, __file__, name, host, port], port)


def s_client_pair(host):
    """`openssl s_client` sends a file and gets an answer."""
    name, size = f"s_client {host}", 100000
    with open("/tmp/s_client.in", "wb") as file:
        file.write(payload("client", name, size))
    command = ["openssl", "s_client", "-quiet", "-verify_quiet", "-verify_return_error", "-CAfile", CERT]
    command += ["-servername", "localhost", "-connect"]
    with open("/tmp/s_client.in", "rb") as stdin, open("/tmp/s_client.out", "w+b") as stdout:
        ends = converse(
            name, host, (size,), lambda port: [*command, f"{host}:{port}"], stdin=stdin, stdout=stdout
        )
        stdout.seek(0)
        if stdout.read() != payload("server", name, size):
            raise RuntimeError("s_client did not print what the server sent")
    return ends


def converse(name, host, sizes, command, at=0, **files):
    """Serves one client, started by `command`, and tells what each end read and wrote."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERT, KEY)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, at), family=family) as listener:
        listener.settimeout(PATIENCE)
        client = subprocess.Popen(command(str(listener.getsockname()[1])), **files)
        try:
            accepted, _ = listener.accept()
            accepted.settimeout(PATIENCE)
            with context.wrap_socket(accepted, server_side=True) as server:
                local, remote = address(server.getsockname()), address(server.getpeername())
                for size in sizes:
                    expect(server, payload("client", name, size))
                    server.sendall(payload("server", name, size))
                server.unwrap()
            if client.wait(PATIENCE) != 0:
                raise RuntimeError(f"the client ended with {client.returncode}")
        finally:
            client.kill()
            client.wait()
    sent = {who: b"".join(payload(who, name, size) for size in sizes) for who in ("client", "server")}
    return [
        End(f"{name} client", client.pid, remote, local, sent["server"], sent["client"]),
        End(f"{name} server", os.getpid(), local, remote, sent["client"], sent["server"]),
    ]


def expect(stream, wanted):
    """Reads as many bytes as are wanted, and they must be those."""
    got = bytearray()
    while len(got) < len(wanted):
        piece = stream.recv(len(wanted) - len(got))
        if not piece:
            raise RuntimeError(f"the stream ended after {len(got)} of {len(wanted)} bytes")
        got += piece
    if got != wanted:
        raise RuntimeError(f"{len(wanted)} bytes did not arrive as they were sent")


def address(name):
    """A socket's name as ecapture prints it."""
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def client(name, host, port):
    """The python3 client's whole life."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(CERT)
    with socket.create_connection((host, int(port))) as plain:
        with context.wrap_socket(plain, server_hostname=host) as stream:
            for size in SIZES:
                stream.sendall(payload("client", name, size))
                expect(stream, payload("server", name, size))
            stream.unwrap()


if __name__ == "__main__":
    client(*sys.argv[1:])
