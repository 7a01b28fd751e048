"""A client of an OpenSSL before 1.1.0 or a LibreSSL, whose functions it calls by name. Arguments:
the library, a port, the function that chooses versions. Two connections: one with a call for the handshake, one where the first write does it."""
import ctypes
import socket
import sys

library, port, method = sys.argv[1:]
ssl = ctypes.CDLL(library)
for name in (method, "SSL_CTX_new", "SSL_new"):
    getattr(ssl, name).restype = ctypes.c_void_p
ssl.SSLeay_version.restype = ctypes.c_char_p
ssl.SSL_library_init()
context = ctypes.c_void_p(ssl.SSL_CTX_new(ctypes.c_void_p(getattr(ssl, method)())))
request = b"GET / HTTP/1.0\r\n\r\n"
for explicit in (True, False):
    stream = socket.create_connection(("127.0.0.1", int(port)))
    connection = ctypes.c_void_p(ssl.SSL_new(context))
    ssl.SSL_set_fd(connection, stream.fileno())
    ssl.SSL_set_connect_state(connection)
    if explicit:
        assert ssl.SSL_connect(connection) == 1
    # LibreSSL may end a call that is in the middle of its work.
    assert any(ssl.SSL_write(connection, request, len(request)) > 0 for _ in range(4))
    answer = ctypes.create_string_buffer(4096)
    assert any(ssl.SSL_read(connection, answer, len(answer)) > 0 for _ in range(4))
    assert answer.raw.startswith(b"HTTP/1.0 200"), answer.raw[:20]
    ssl.SSL_free(connection)
    stream.close()
print(ssl.SSLeay_version(0).decode())
