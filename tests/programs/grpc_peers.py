"""A gRPC client and server in one process, over the system's OpenSSL (Debian's python3-grpcio).

Usage: grpc_peers.py CERT KEY. Messages are plain bytes. Some calls are made, then a gate is waited
at, then the same calls are made again on the same connection.
"""

import json
import os
import sys
from concurrent import futures

import grpc


def say(**line):
    os.write(1, json.dumps({"pid": os.getpid(), **line}).encode() + b"\n")


def twice(message, context):
    context.set_trailing_metadata((("seen", str(len(message))),))
    return message + message


def each(messages, context):
    for message in messages:
        yield b"echo " + message


def main(cert_path, key_path):
    with open(cert_path, "rb") as cert, open(key_path, "rb") as key:
        cert, key = cert.read(), key.read()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    handlers = {
        "Twice": grpc.unary_unary_rpc_method_handler(twice),
        "Each": grpc.stream_stream_rpc_method_handler(each),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, cert)]))
    server.start()
    trust = grpc.ssl_channel_credentials(root_certificates=cert)
    options = (("grpc.ssl_target_name_override", "localhost"),)
    with grpc.secure_channel(f"127.0.0.1:{port}", trust, options) as channel:
        single = channel.unary_unary("/test.Echo/Twice")
        stream = channel.stream_stream("/test.Echo/Each")
        for _ in range(2):
            for number in range(5):
                single(b"message %d" % number, metadata=(("call", "number %d" % number),))
            list(stream(iter([b"a", b"b" * 40_000, b""])))
            say(line="gate", name="called")
            sys.stdin.readline()
    server.stop(None).wait()


main(*sys.argv[1:])
