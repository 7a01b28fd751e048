"""A TLS client of the OpenSSL within a wheel of `cryptography`: it has no function for that, but the
bindings that pyOpenSSL uses.
  wide_cryptography.py PORT CERT KEY    in each version asks for a page in a full handshake, resumed, and
    with a certificate
  wide_cryptography.py PORT             sends early data"""

import os
import select
import socket
import sys

from cryptography.hazmat.bindings.openssl.binding import Binding

lib, ffi = Binding.lib, Binding.ffi
port = int(sys.argv[1])


def connect(context, session):
    ssl = lib.SSL_new(context)
    if session:
        assert lib.SSL_set_session(ssl, session) == 1
    peer = socket.create_connection(("127.0.0.1", port))
    lib.SSL_set_fd(ssl, peer.fileno())
    lib.SSL_set_connect_state(ssl)
    return peer, ssl


def ask(context, session=ffi.NULL):
    """The page, which says how the connection came about, and the session that it leaves."""
    peer, ssl = connect(context, session)
    assert lib.SSL_do_handshake(ssl) == 1
    request = b"GET / HTTP/1.0\r\n\r\n"
    assert lib.SSL_write(ssl, request, len(request)) == len(request)
    room = ffi.new("char[]", 4096)
    page = b""
    while (count := lib.SSL_read(ssl, room, 4096)) > 0:
        page += ffi.buffer(room, count)[:]
    peer.close()
    return page, lib.SSL_get1_session(ssl)


def ask_in_every_way(cert, key):
    for most in lib.TLS1_2_VERSION, lib.TLS1_3_VERSION:
        context = lib.SSL_CTX_new(lib.TLS_method())
        lib.SSL_CTX_set_max_proto_version(context, most)
        page, session = ask(context)
        assert b"New, " in page, page
        page, _ = ask(context, session)
        assert b"Reused, " in page, page
        assert lib.SSL_CTX_use_certificate_chain_file(context, cert) == 1
        assert lib.SSL_CTX_use_PrivateKey_file(context, key, lib.SSL_FILETYPE_PEM) == 1
        page, _ = ask(context)
        assert b"no client certificate" not in page, page


def send_early():
    context = lib.SSL_CTX_new(lib.TLS_method())
    peer, ssl = connect(context, ffi.NULL)
    assert lib.SSL_do_handshake(ssl) == 1
    os.set_blocking(peer.fileno(), False)
    session = lib.SSL_get1_session(ssl)
    while not lib.SSL_SESSION_get_max_early_data(session):
        # The ticket is what there is to be read.
        select.select([peer], [], [])
        lib.SSL_read(ssl, ffi.new("char[]", 1), 1)
        session = lib.SSL_get1_session(ssl)
    lib.SSL_shutdown(ssl)
    peer.close()
    peer, ssl = connect(context, session)
    line, written = b"early\n", ffi.new("size_t *")
    assert lib.SSL_write_early_data(ssl, line, len(line), written) == 1
    assert lib.SSL_do_handshake(ssl) == 1
    lib.SSL_shutdown(ssl)
    peer.close()


print(ffi.string(lib.OpenSSL_version(lib.OPENSSL_VERSION)).decode())
if sys.argv[2:]:
    ask_in_every_way(*(path.encode() for path in sys.argv[2:]))
else:
    send_early()
