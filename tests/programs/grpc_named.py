"""A gRPC client and server in one process that speak the messages of tests/programs/proto.

Usage: grpc_named.py CERT KEY DESCRIPTOR. After one line on standard input it calls, and prints each
message as JSON, in the order in which the client sends and gets them.
"""

import sys
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

cert_path, key_path, descriptor = sys.argv[1:]
pool = descriptor_pool.DescriptorPool()
with open(descriptor, "rb") as file:
    for described in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
        pool.Add(described)
factory = message_factory.MessageFactory(pool)
Order, Receipt = (factory.GetPrototype(pool.FindMessageTypeByName(f"shop.{name}")) for name in ("Order", "Receipt"))


def tell(side, message):
    fields = json_format.MessageToJson(message, preserving_proto_field_name=True, indent=None)
    print(side, fields, flush=True)


def receipt(order):
    return Receipt(id=order.id, state="SENT", access_token="hunter2-token")


def place(order, _):
    return receipt(order)


def watch(orders, _):
    for order in orders:
        yield receipt(order)


def order(number):
    made = Order(id=2**60 + number, customer=f"Änn {number}", state="PAID", sizes=[1, -2, 300000], urgent=True)
    made.items.add(name="pen", price=1.5, offsets=[-1, 2**40])
    made.items.add(name="ink")
    made.labels["color"] = "red"
    made.labels["token"] = "hunter2-label"
    made.shelves[-7].name = "top"
    made.weight, made.delta, made.raw, made.voucher = 0.5, -5, b"\x00\xff", 2**63
    made.password = "hunter2-password"
    made.history.extend([1, 7, 0])
    return made


with open(cert_path, "rb") as cert, open(key_path, "rb") as key:
    cert, key = cert.read(), key.read()
server = grpc.server(futures.ThreadPoolExecutor(2))
ends = dict(request_deserializer=Order.FromString, response_serializer=Receipt.SerializeToString)
handlers = {
    "Place": grpc.unary_unary_rpc_method_handler(place, **ends),
    "Watch": grpc.stream_stream_rpc_method_handler(watch, **ends),
}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Orders", handlers),))
port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, cert)]))
server.start()
print("port", port, flush=True)
sys.stdin.readline()
trust = grpc.ssl_channel_credentials(root_certificates=cert)
options = (("grpc.ssl_target_name_override", "localhost"),)
ends = dict(request_serializer=Order.SerializeToString, response_deserializer=Receipt.FromString)
with grpc.secure_channel(f"127.0.0.1:{port}", trust, options) as channel:
    tell("asked", order(0))
    tell("answered", channel.unary_unary("/shop.Orders/Place", **ends)(order(0)))
    orders = [order(number) for number in range(1, 4)]
    for made in orders:
        tell("asked", made)
    for answer in channel.stream_stream("/shop.Orders/Watch", **ends)(iter(orders)):
        tell("answered", answer)
server.stop(None).wait()
