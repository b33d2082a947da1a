"""What berth says to an engine, byte by byte, and what the engine answers. A request line, header or framing that berth does not write is one of
the engine's `violations`."""

import json
import re
import select
import threading
import zlib
from urllib.parse import parse_qsl, unquote

REQUEST_LINE = re.compile(rb"(GET|HEAD|POST|PUT|DELETE) (/v1\.[0-9]+/[A-Za-z0-9_.~:@/%-]*)(?:\?([A-Za-z0-9_.~%&=+-]*))? HTTP/1\.1")
ALLOWED_HEADERS = {"host", "content-type", "content-length", "transfer-encoding", "x-registry-auth", "x-registry-config",
                   "connection", "upgrade"}
RAW_STREAM = "application/vnd.docker.raw-stream"
KEPT_BODY = 8 << 20  # of longer bodies only length and checksum are kept


class Cut(Exception):
    """The connection is to be closed at once."""


class Request:
    """What berth sent: the head as bytes and in parts, the body or its length and checksum."""

    def __init__(self, head):
        self.head = head
        self.method = self.path = self.query_text = ""
        self.query = {}
        self.headers = {}
        self.body = b""
        self.length = 0
        self.checksum = 0
        self.complete = False  # its body was read to a proper end
        self.answered = 0  # bytes of the answer, once it is over

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.method} {self.path}?{self.query_text} {self.length} bytes{'' if self.complete else ', incomplete'}>"


class Channel:
    """One connection of berth's, as a handler sees it."""

    def __init__(self, engine, sock):
        self.engine = engine
        self.sock = sock
        self.buffer = bytearray()
        self.received = bytearray()  # the first megabytes that came
        self.to_head = False
        self.fault = None
        self.sent = 0
        self.ended = threading.Event()

    # What comes in.

    def fill(self):
        """Some more bytes into the buffer; False at the end of the stream."""
        data = self.sock.recv(1 << 18)
        self.buffer += data
        self.received += data[:KEPT_BODY - len(self.received)]
        return bool(data)

    def line(self):
        while b"\r\n" not in self.buffer:
            if not self.fill():
                raise Cut
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return bytes(line)

    def take(self, request, size):
        """`size` bytes of the request's body."""
        while size:
            if not self.buffer and not self.fill():
                raise Cut
            piece = bytes(self.buffer[:size])
            del self.buffer[:size]
            size -= len(piece)
            request.length += len(piece)
            request.checksum = zlib.crc32(piece, request.checksum)
            request.body += piece[:KEPT_BODY - len(request.body)]

    def read_request(self):
        """The next request without its body; None when berth closed the connection between two."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill():
                if self.buffer:
                    self.engine.violation(f"a head that does not end: {bytes(self.buffer)!r}")
                return None
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        request = Request(bytes(head))
        lines = request.head.split(b"\r\n")
        match = REQUEST_LINE.fullmatch(lines[0])
        if not match:
            self.engine.violation(f"not berth's request line: {lines[0]!r}")
            raise Cut
        request.method = match[1].decode()
        request.path = unquote(match[2].decode()).split("/", 2)[2]
        request.query_text = (match[3] or b"").decode()
        request.query = dict(parse_qsl(request.query_text, keep_blank_values=True, strict_parsing=bool(request.query_text)))
        for line in lines[1:]:
            name, colon, value = line.decode().partition(": ")
            if not colon or name.lower() not in ALLOWED_HEADERS or name.lower() in request.headers:
                self.engine.violation(f"not berth's header: {line!r} of {lines[0]!r}")
            request.headers[name.lower()] = value
        self.check(request)
        return request

    def check(self, request):
        """Framing and fixed headers as berth writes them."""
        headers = request.headers
        wrong = headers.get("host") != "docker"
        wrong |= "content-length" in headers and "transfer-encoding" in headers
        wrong |= headers.get("transfer-encoding", "chunked") != "chunked"
        wrong |= not re.fullmatch("0|[1-9][0-9]*", headers.get("content-length", "0"))
        wrong |= headers.get("content-type", "application/json") not in ("application/json", "application/x-tar")
        wrong |= (headers.get("connection"), headers.get("upgrade")) not in ((None, None), ("Upgrade", "tcp"))
        wrong |= request.method in ("GET", "HEAD", "DELETE") and ("content-length" in headers or "transfer-encoding" in headers)
        if wrong:
            self.engine.violation(f"not berth's head: {request.head!r}")

    def read_body(self, request):
        if request.headers.get("transfer-encoding") == "chunked":
            while True:
                size = self.line()
                if not re.fullmatch(rb"[0-9a-f]+", size):
                    self.engine.violation(f"not berth's chunk size: {size!r}")
                    raise Cut
                self.take(request, int(size, 16))
                if self.line() != b"":
                    self.engine.violation("no CRLF behind a chunk")
                    raise Cut
                if int(size, 16) == 0:
                    break
        else:
            self.take(request, int(request.headers.get("content-length", "0")))
        request.complete = True

    # What goes out.

    def send(self, data):
        if self.fault:
            kind, after = self.fault
            if self.sent + len(data) > after:
                self.sock.sendall(data[:after - self.sent])
                self.sent = after
                if kind == "stall":
                    self.until_peer_closes()
                raise Cut
        self.sent += len(data)
        self.sock.sendall(data)

    def head(self, status, *headers):
        lines = [f"HTTP/1.1 {status} Words", "Api-Version: 1.49", "Server: fake", *headers]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    def reply(self, status, body=None, content_type="application/json", extra=()):
        """A short answer. `body`: bytes, something for JSON, or None."""
        if status in (204, 304):
            self.send(self.head(status, *extra))
            return
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode() + b"\n"
        kind = [f"Content-Type: {content_type}"] if data else []
        head = self.head(status, *kind, f"Content-Length: {len(data)}", *extra)
        self.send(head if self.to_head else head + data)

    def begin(self, status=200, content_type="application/json"):
        self.send(self.head(status, f"Content-Type: {content_type}", "Transfer-Encoding: chunked"))

    def chunk(self, data):
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self):
        self.send(b"0\r\n\r\n")

    def switch(self):
        """101: from here on raw bytes."""
        self.send(self.head(101, f"Content-Type: {RAW_STREAM}", "Connection: Upgrade", "Upgrade: tcp"))

    # The peer.

    def until_peer_closes(self, timeout=60):
        """True when berth closed the connection wholly; False when the engine stops or the time is over."""
        poll = select.poll()
        poll.register(self.sock, 0)
        for _ in range(int(timeout / 0.05)):
            if poll.poll(50):
                return True
            if self.engine.stopping:
                return False
        return False

    def close(self):
        if not self.ended.is_set():
            self.sock.close()
            self.ended.set()
