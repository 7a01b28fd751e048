"""A client or a server of an OpenSSL before 1.1.0 or a LibreSSL, whose functions it calls by name.
METHOD is the function that chooses versions.
  old_openssl.py LIBRARY serve METHOD CERT KEY    says `port N` and which version it is
  old_openssl.py LIBRARY fetch METHOD CERT KEY PORT KIND…    a connection of each kind: `explicit`, with
    a call for the handshake; `implicit`, where the first write does it; `resumed`, which an explicit
    one came before; `own`, with a certificate"""
import ctypes
import socket
import sys

library, verb, method, cert, key, *rest = sys.argv[1:]
ssl = ctypes.CDLL(library)
for name in (method, "SSL_CTX_new", "SSL_new", "SSL_get1_session"):
    getattr(ssl, name).restype = ctypes.c_void_p
ssl.SSLeay_version.restype = ctypes.c_char_p
ssl.SSL_library_init()
PEM, VERIFY_PEER, GET_REUSED, ECDH_AUTO = 1, 1, 8, 94


def pointer(value):
    return ctypes.c_void_p(value)


def new_context(own):
    context = pointer(ssl.SSL_CTX_new(pointer(getattr(ssl, method)())))
    if own:
        assert ssl.SSL_CTX_use_certificate_chain_file(context, cert.encode()) == 1
        assert ssl.SSL_CTX_use_PrivateKey_file(context, key.encode(), PEM) == 1
    return context


def serve():
    context = new_context(True)
    assert ssl.SSL_CTX_load_verify_locations(context, cert.encode(), None) == 1
    ssl.SSL_CTX_set_verify(context, VERIFY_PEER, None)
    assert ssl.SSL_CTX_set_session_id_context(context, b"tests", 5) == 1
    ssl.SSL_CTX_ctrl(context, ECDH_AUTO, ctypes.c_long(1), None)
    listener = socket.create_server(("127.0.0.1", 0))
    print("port", listener.getsockname()[1])
    print(ssl.SSLeay_version(0).decode(), flush=True)
    answer, room = b"HTTP/1.0 200 OK\r\n\r\nhello", ctypes.create_string_buffer(4096)
    while True:
        stream, _ = listener.accept()
        connection = pointer(ssl.SSL_new(context))
        ssl.SSL_set_fd(connection, stream.fileno())
        if ssl.SSL_accept(connection) == 1 and ssl.SSL_read(connection, room, len(room)) > 0:
            ssl.SSL_write(connection, answer, len(answer))
            ssl.SSL_shutdown(connection)
        ssl.SSL_free(connection)
        stream.close()


def fetch(context, port, explicit=True, session=None, own=False):
    """The session of a connection over which a page came."""
    stream = socket.create_connection(("127.0.0.1", int(port)))
    connection = pointer(ssl.SSL_new(context))
    ssl.SSL_set_fd(connection, stream.fileno())
    ssl.SSL_set_connect_state(connection)
    if session:
        assert ssl.SSL_set_session(connection, session) == 1
    if explicit:
        assert ssl.SSL_connect(connection) == 1
    request = b"GET / HTTP/1.0\r\n\r\n"
    # LibreSSL may end a call that is in the middle of its work.
    assert any(ssl.SSL_write(connection, request, len(request)) > 0 for _ in range(4))
    answer, page = ctypes.create_string_buffer(4096), b""
    while not page.endswith(b"</HTML>\r\n\r\n"):
        reads = (ssl.SSL_read(connection, answer, len(answer)) for _ in range(4))
        count = next(count for count in reads if count > 0)
        page += answer.raw[:count]
    assert page.startswith(b"HTTP/1.0 200"), page[:20]
    assert (b"\nClient certificate" in page) == own, page
    assert ssl.SSL_ctrl(connection, GET_REUSED, 0, None) == (1 if session else 0)
    session = pointer(ssl.SSL_get1_session(connection))
    # Without it the session would not count as a good one.
    ssl.SSL_shutdown(connection)
    ssl.SSL_free(connection)
    stream.close()
    return session


if verb == "serve":
    serve()
port, *kinds = rest
for kind in kinds:
    context = new_context(kind == "own")
    session = fetch(context, port, kind != "implicit", own=kind == "own")
    if kind == "resumed":
        fetch(context, port, session=session)
print(ssl.SSLeay_version(0).decode())
