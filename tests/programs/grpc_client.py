"""Opens a channel three times: in a full handshake, resumed, and with a certificate, which is the
server's own: grpc_client.py PORT CERT KEY"""

import sys

import grpc
from grpc.experimental import session_cache

port, *files = sys.argv[1:]
cert, key = (open(path, "rb").read() for path in files)


def open_channel(sessions, *own):
    trust = grpc.ssl_channel_credentials(cert, *own)
    # Without a pool of its own a channel would share the connection of the one before.
    options = [("grpc.ssl_session_cache", sessions), ("grpc.use_local_subchannel_pool", 1)]
    channel = grpc.secure_channel(f"localhost:{port}", trust, options)
    grpc.channel_ready_future(channel).result(timeout=60)
    channel.close()


sessions = session_cache.ssl_session_cache_lru(1)
open_channel(sessions)
open_channel(sessions)
open_channel(session_cache.ssl_session_cache_lru(1), key, cert)
print("grpcio", grpc.__version__)
