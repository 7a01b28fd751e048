"""A server by the BoringSSL within a file that keeps its symbols and exports nothing: the functions
are called where the symbols say. It answers GET with a page and the end, everything else with the
same: boringssl_server.py FILE CERT KEY. Asks clients for a certificate, which must be the server's, and
takes early data."""

import ctypes
import socket
import subprocess
import sys
import threading

path, cert, key = sys.argv[1:]
ctypes.CDLL(path)
with open("/proc/self/maps") as maps:
    base = min(int(line.split("-")[0], 16) for line in maps if line.rstrip().endswith(path))
listing = subprocess.run(["nm", "--defined-only", path], stdout=subprocess.PIPE, check=True)
symbols = {}
for line in listing.stdout.decode().splitlines():
    address, _, name = line.split(maxsplit=2)
    symbols[name] = int(address, 16)


def function(name, answer, *arguments):
    return ctypes.CFUNCTYPE(answer, *arguments)(base + symbols[name])


number, pointer, text = ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p
context = function("SSL_CTX_new", pointer, pointer)(function("TLS_method", pointer)())
assert function("SSL_CTX_use_certificate_chain_file", number, pointer, text)(context, cert.encode())
assert function("SSL_CTX_use_PrivateKey_file", number, pointer, text, number)(context, key.encode(), 1)
trust = function("SSL_CTX_load_verify_locations", number, pointer, text, text)
assert trust(context, cert.encode(), None)
function("SSL_CTX_set_verify", None, pointer, number, pointer)(context, 1, None)
named = function("SSL_CTX_set_session_id_context", number, pointer, text, ctypes.c_size_t)
assert named(context, b"tests", 5)
function("SSL_CTX_set_early_data_enabled", None, pointer, number)(context, 1)
new = function("SSL_new", pointer, pointer)
set_fd = function("SSL_set_fd", number, pointer, number)
accept = function("SSL_accept", number, pointer)
read = function("SSL_read", number, pointer, text, number)
write = function("SSL_write", number, pointer, text, number)
shutdown = function("SSL_shutdown", number, pointer)
free = function("SSL_free", None, pointer)


def serve(stream):
    connection = new(context)
    set_fd(connection, stream.fileno())
    room = ctypes.create_string_buffer(4096)
    if accept(connection) == 1:
        while (came := read(connection, room, len(room))) > 0:
            if room.raw.startswith(b"GET "):
                page = b"HTTP/1.0 200 OK\r\n\r\nhello"
                write(connection, page, len(page))
                break
            write(connection, room.raw[:came], came)
        shutdown(connection)
    free(connection)
    stream.close()


listener = socket.create_server(("127.0.0.1", 0))
print("port", listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
