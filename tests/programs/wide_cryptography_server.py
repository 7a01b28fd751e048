"""A TLS server of the OpenSSL within a wheel of `cryptography`, by the bindings that pyOpenSSL uses:
wide_cryptography_server.py CERT KEY. Asks clients for a certificate, which must be the server's own,
and takes early data."""

import socket
import sys

from cryptography.hazmat.bindings.openssl.binding import Binding

lib, ffi = Binding.lib, Binding.ffi
cert, key = (path.encode() for path in sys.argv[1:])
READ_EARLY_ERROR, READ_EARLY_SUCCESS, READ_EARLY_FINISH = range(3)
context = lib.SSL_CTX_new(lib.TLS_method())
assert lib.SSL_CTX_use_certificate_chain_file(context, cert) == 1
assert lib.SSL_CTX_use_PrivateKey_file(context, key, lib.SSL_FILETYPE_PEM) == 1
assert lib.SSL_CTX_load_verify_locations(context, cert, ffi.NULL) == 1
lib.SSL_CTX_set_verify(context, lib.SSL_VERIFY_PEER, ffi.NULL)
assert lib.SSL_CTX_set_session_id_context(context, b"tests", 5) == 1
assert lib.SSL_CTX_set_max_early_data(context, 1000) == 1
listener = socket.create_server(("127.0.0.1", 0))
print("port", listener.getsockname()[1])
print(ffi.string(lib.OpenSSL_version(lib.OPENSSL_VERSION)).decode(), flush=True)
answer = b"HTTP/1.0 200 OK\r\n\r\nhello"
while True:
    peer, _ = listener.accept()
    ssl = lib.SSL_new(context)
    lib.SSL_set_fd(ssl, peer.fileno())
    lib.SSL_set_accept_state(ssl)
    room, came, early = ffi.new("char[]", 4096), ffi.new("size_t *"), 0
    state = READ_EARLY_SUCCESS
    while state == READ_EARLY_SUCCESS:
        state = lib.SSL_read_early_data(ssl, room, 4096, came)
        early += came[0]
    if lib.SSL_do_handshake(ssl) == 1 and (early or lib.SSL_read(ssl, room, 4096) > 0):
        lib.SSL_write(ssl, answer, len(answer))
        lib.SSL_shutdown(ssl)
    lib.SSL_free(ssl)
    peer.close()
