"""A TLS client or server of an OpenSSL since 1.1.1, whose functions it calls by name; they share the
types and numbers below.
  openssl_peer.py LIBRARY serve CERT KEY    says `port N` and which version it is
  openssl_peer.py LIBRARY fetch CERT KEY PORT EARLY-PORT    full handshakes of TLS 1.2 and 1.3, then
    resumed ones that write before the server answered, and ones with a certificate of its own; to
    EARLY-PORT one with early data"""

import ctypes
import os
import select
import socket
import sys

library, verb, cert, key, *ports = sys.argv[1:]
ssl = ctypes.CDLL(library)
for name in "TLS_method SSL_CTX_new SSL_new SSL_get_session SSL_get1_session BIO_s_mem BIO_new".split():
    getattr(ssl, name).restype = ctypes.c_void_p
ssl.OpenSSL_version.restype = ctypes.c_char_p
PEM, VERIFY_PEER, SET_MIN, SET_MAX = 1, 1, 123, 124
EARLY_DATA_ACCEPTED, READ_EARLY_ERROR, READ_EARLY_FINISH = 2, 0, 2


def pointer(value):
    return ctypes.c_void_p(value)


def new_context(own):
    context = pointer(ssl.SSL_CTX_new(pointer(ssl.TLS_method())))
    if own:
        assert ssl.SSL_CTX_use_certificate_chain_file(context, cert.encode()) == 1
        assert ssl.SSL_CTX_use_PrivateKey_file(context, key.encode(), PEM) == 1
    assert ssl.SSL_CTX_load_verify_locations(context, cert.encode(), None) == 1
    ssl.SSL_CTX_set_verify(context, VERIFY_PEER, None)
    return context


def new_connection(context, stream):
    connection = pointer(ssl.SSL_new(context))
    ssl.SSL_set_fd(connection, stream.fileno())
    return connection


def serve():
    context = new_context(True)
    assert ssl.SSL_CTX_set_session_id_context(context, b"tests", 5) == 1
    assert ssl.SSL_CTX_set_max_early_data(context, 1000) == 1
    listener = socket.create_server(("127.0.0.1", 0))
    print("port", listener.getsockname()[1])
    print(ssl.OpenSSL_version(0).decode(), flush=True)
    answer, room = b"HTTP/1.0 200 OK\r\n\r\nhello", ctypes.create_string_buffer(4096)
    while True:
        stream, _ = listener.accept()
        connection = new_connection(context, stream)
        ssl.SSL_set_accept_state(connection)
        came, early, state = ctypes.c_size_t(), 0, 1
        while state not in (READ_EARLY_ERROR, READ_EARLY_FINISH):
            state = ssl.SSL_read_early_data(connection, room, len(room), ctypes.byref(came))
            early += came.value
        if ssl.SSL_do_handshake(connection) == 1:
            if early or ssl.SSL_read(connection, room, len(room)) > 0:
                ssl.SSL_write(connection, answer, len(answer))
                ssl.SSL_shutdown(connection)
        ssl.SSL_free(connection)
        stream.close()


def connect(context, port, session=None):
    stream = socket.create_connection(("127.0.0.1", int(port)))
    connection = new_connection(context, stream)
    ssl.SSL_set_connect_state(connection)
    if session:
        assert ssl.SSL_set_session(connection, session) == 1
    return stream, connection


def write_at_once(stream, connection, request):
    """Writes twice: before the server's answer can be read, and when it is."""
    ssl.SSL_set0_rbio(connection, pointer(ssl.BIO_new(pointer(ssl.BIO_s_mem()))))
    assert ssl.SSL_do_handshake(connection) == -1
    assert ssl.SSL_write(connection, request, len(request)) == -1
    ssl.SSL_set_rfd(connection, stream.fileno())
    return ssl.SSL_write(connection, request, len(request))


def fetch(context, port, session=None):
    """The session of a connection over which a page came."""
    stream, connection = connect(context, port, session)
    request, room = b"GET / HTTP/1.0\r\n\r\n", ctypes.create_string_buffer(4096)
    if session:
        written = write_at_once(stream, connection, request)
    else:
        assert ssl.SSL_do_handshake(connection) == 1
        written = ssl.SSL_write(connection, request, len(request))
    assert written == len(request)
    assert ssl.SSL_session_reused(connection) == (1 if session else 0)
    while ssl.SSL_read(connection, room, len(room)) > 0:
        pass
    ssl.SSL_shutdown(connection)
    session = pointer(ssl.SSL_get1_session(connection))
    ssl.SSL_free(connection)
    stream.close()
    return session


def send_early(context, port):
    stream, connection = connect(context, port)
    assert ssl.SSL_do_handshake(connection) == 1
    os.set_blocking(stream.fileno(), False)
    room = ctypes.create_string_buffer(1)
    while not ssl.SSL_SESSION_is_resumable(pointer(ssl.SSL_get_session(connection))):
        select.select([stream], [], [])
        ssl.SSL_peek(connection, room, 1)
    session = pointer(ssl.SSL_get1_session(connection))
    ssl.SSL_shutdown(connection)
    stream.close()
    stream, connection = connect(context, port, session)
    written, line = ctypes.c_size_t(), b"early\n"
    assert ssl.SSL_write_early_data(connection, line, len(line), ctypes.byref(written)) == 1
    assert ssl.SSL_do_handshake(connection) == 1
    assert ssl.SSL_get_early_data_status(connection) == EARLY_DATA_ACCEPTED
    ssl.SSL_shutdown(connection)
    stream.close()


if verb == "serve":
    serve()
for version in 0x303, 0x304:
    for own in False, True:
        context = new_context(own)
        for limit in SET_MIN, SET_MAX:
            assert ssl.SSL_CTX_ctrl(context, limit, ctypes.c_long(version), None) == 1
        session = fetch(context, ports[0])
        if not own:
            fetch(context, ports[0], session)
send_early(new_context(False), ports[1])
print(ssl.OpenSSL_version(0).decode())
