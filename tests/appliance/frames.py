"""A client below gRPC: real HTTP/2 frames by the `h2` library, with a peer that can be as rude as it likes."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.events

TIMEOUT_S = 10.0


class RawConnection:
    """One HTTP/2 connection with small socket buffers; reads only when told to."""

    def __init__(self, address: str, *, receive_buffer: int = 4096, window: int | None = None) -> None:
        parts = urlsplit(f"//{address}")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect((parts.hostname, parts.port))
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False)
        )
        self.h2.initiate_connection()
        if window is not None:
            self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.events: list[h2.events.Event] = []
        self.flush()

    def flush(self) -> None:
        """Send what the library has prepared."""
        self.socket.sendall(self.h2.data_to_send())

    def headers(self, path: str, key: str | None, **extra: str) -> list[tuple[str, str]]:
        """Request headers of a gRPC call."""
        found = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "test"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]
        if key is not None:
            found.append(("x-avap-auth", key))
        return found + [(name.replace("_", "-"), value) for name, value in extra.items()]

    def request(self, path: str, key: str | None, message: bytes = b"", *, compressed: int = 0, **extra: str) -> int:
        """Send a whole unary request; returns its stream."""
        body = bytes([compressed]) + len(message).to_bytes(4, "big") + message
        return self.request_body(path, key, body, **extra)

    def request_body(self, path: str, key: str | None, body: bytes, **extra: str) -> int:
        """Send a request whose body need not be a gRPC message."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, self.headers(path, key, **extra), end_stream=False)
        self.flush()
        while body and not self.ended(stream):
            room = min(len(body), self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room == 0:
                self.receive()
                continue
            self.h2.send_data(stream, body[:room])
            self.flush()
            body = body[room:]
        if not self.ended(stream):
            self.h2.end_stream(stream)
            self.flush()
        return stream

    def ended(self, stream: int) -> bool:
        """Whether the peer has finished or reset the stream, as far as was read."""
        return any(
            isinstance(event, h2.events.StreamEnded | h2.events.StreamReset) and event.stream_id == stream
            for event in self.events
        )

    def receive(self) -> bool:
        """Read once from the socket; False at its end."""
        data = self.socket.recv(65536)
        if not data:
            return False
        for event in self.h2.receive_data(data):
            self.events.append(event)
            if isinstance(event, h2.events.DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self.flush()
        return True

    def wait_headers(self) -> None:
        """Read until the response's headers are here, and not a byte more than came with them."""
        while not any(isinstance(event, h2.events.ResponseReceived) for event in self.events):
            assert self.receive(), "closed before the response"

    def reply(self, stream: int) -> tuple[dict[str, str], bytes]:
        """Headers and trailers together, and the body, of a stream read to its end."""
        while not any(isinstance(e, h2.events.StreamEnded | h2.events.StreamReset) and e.stream_id == stream
                      for e in self.events):  # fmt: skip
            assert self.receive(), "closed before the end of the stream"
        fields: dict[str, str] = {}
        body = b""
        for event in self.events:
            if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived) and event.stream_id == stream:
                fields.update({str(name): str(value) for name, value in event.headers})
            elif isinstance(event, h2.events.DataReceived) and event.stream_id == stream:
                body += event.data
            elif isinstance(event, h2.events.StreamReset) and event.stream_id == stream:
                fields["reset"] = str(int(event.error_code))
        return fields, body

    def call(self, path: str, key: str | None, message: bytes = b"", **extra: str) -> tuple[dict[str, str], bytes]:
        """A whole call."""
        return self.reply(self.request(path, key, message, compressed=0, **extra))

    def close(self) -> None:
        """Close without a word."""
        self.socket.close()
