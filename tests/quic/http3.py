"""HTTP/3 by aioquic, whose TLS is its own and in Python, so that nothing hooks it.

    http3.py serve CERT KEY FOLDER [retry]     prints its port, serves the folder's files
    http3.py fetch PORT [move] [v2] NAME...    prints how many bytes of each it got; `-` waits for a
                                               line on standard input
"""

import asyncio
import socket
import ssl
import sys
from pathlib import Path

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated
from aioquic.quic.packet import QuicProtocolVersion


class Http3(QuicConnectionProtocol):
    """Either end. A server has a folder, a client waits for what it asked for."""
    folder: Path | None = None

    def __init__(self, *words, **options):
        super().__init__(*words, **options)
        self.http = None
        self.bodies: dict[int, list[bytes]] = {}
        self.waiting: dict[int, asyncio.Future] = {}

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic)
        if self.http is None:
            return
        for told in self.http.handle_event(event):
            if self.folder is not None:
                if isinstance(told, HeadersReceived):
                    self.answer(told.stream_id, dict(told.headers)[b":path"].decode())
            elif isinstance(told, DataReceived):
                self.bodies[told.stream_id].append(told.data)
            if self.folder is None and told.stream_ended:
                self.waiting[told.stream_id].set_result(b"".join(self.bodies[told.stream_id]))
        self.transmit()

    def answer(self, stream: int, path: str):
        file = self.folder / Path(path).name
        status, body = (b"200", file.read_bytes()) if file.is_file() else (b"404", b"")
        self.http.send_headers(stream, [(b":status", status),
                                        (b"content-length", str(len(body)).encode())])
        self.http.send_data(stream, body, end_stream=True)

    async def fetch(self, name: str) -> bytes:
        stream = self._quic.get_next_available_stream_id()
        self.bodies[stream] = []
        self.waiting[stream] = asyncio.get_running_loop().create_future()
        self.http.send_headers(stream, [(b":method", b"GET"), (b":scheme", b"https"),
                                        (b":authority", b"localhost"),
                                        (b":path", f"/{name}".encode())], end_stream=True)
        self.transmit()
        return await self.waiting[stream]


async def server(cert: str, key: str, folder: str, *how: str):
    settings = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    settings.load_cert_chain(cert, key)
    Http3.folder = Path(folder)
    running = await serve("127.0.0.1", 0, configuration=settings, create_protocol=Http3,
                          retry="retry" in how)
    print(running._transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.Event().wait()


async def client(port: str, *words: str):
    settings = QuicConfiguration(is_client=True, alpn_protocols=["h3"], server_name="localhost",
                                 verify_mode=ssl.CERT_NONE)
    if "v2" in words:
        settings.original_version = QuicProtocolVersion.VERSION_2
    names = [word for word in words if word not in ("move", "v2")]
    async with connect("127.0.0.1", int(port), configuration=settings,
                       create_protocol=Http3) as peer:
        for name in names:
            if name == "-":
                await asyncio.to_thread(sys.stdin.readline)
                continue
            body = await peer.fetch(name)
            print(len(body), flush=True)
            if "move" in words:
                await move(peer)


async def move(peer: Http3):
    """The rest of the connection goes by another socket, and so from another port."""
    peer._quic.change_connection_id()
    former = peer._transport
    near = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    near.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    near.bind(("::", 0))
    # Tells the protocol of its new transport.
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: peer, sock=near)
    assert peer._transport is not former


if __name__ == "__main__":
    asyncio.run({"serve": server, "fetch": client}[sys.argv[1]](*sys.argv[2:]))
