"""gRPC without a library, so that a test can send what no library would: frames of HTTP/2 (RFC 9113) by hand, on a socket that `POST /grpc` or
`POST /session` has switched; HPACK (RFC 7541); and as much of protobuf as the tests write."""

import socket
import struct
import threading
from typing import NamedTuple
from urllib.parse import unquote

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_MAX = 16384  # bytes of a frame that every peer takes
WINDOW = 65535     # bytes that may be sent before the peer says more

OK, INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, UNIMPLEMENTED, UNAVAILABLE, UNAUTHENTICATED = \
    0, 3, 5, 7, 8, 9, 12, 14, 16

STATIC_TABLE = [tuple(each.replace("_", " ").partition("=")[::2]) for each in (
    ":authority :method=GET :method=POST :path=/ :path=/index.html :scheme=http :scheme=https :status=200 :status=204 :status=206 :status=304 "
    ":status=400 :status=404 :status=500 accept-charset accept-encoding=gzip,_deflate accept-language accept-ranges accept "
    "access-control-allow-origin age allow authorization cache-control content-disposition content-encoding content-language content-length "
    "content-location content-range content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range "
    "if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after "
    "server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate").split()]

# RFC 7541, appendix B: how many bits the code of each symbol has, less 5, as a letter. The codes follow from that: those of one length count
# upwards with their symbols, and go on where the shorter ones end.
CODE_LENGTHS = (
    "isxxxxxxxtzxxzxxxxxxxxzxxxxxxxxxbffhibdgffdgdbbbaaabbbbbbbcdkbhfibccccccccccccccccccccccdcdioijbkabababbbaccbbbabcbaabccccckgjix"
    "prpprrrsrssssststtrstssssqrsrsstrqprrssqsrrtqrssqqrqsrssprrrsrrsvvporsruvvvwwvtuoqvwwvwtqqvvxwwwptpqrqqsrruuttvsvwvvwwwwwxwwwwwvz")


def codes():
    """(length, code): symbol."""
    table, code, length = {}, 0, 5
    for bits, symbol in sorted((ord(letter) - ord("a") + 5, symbol) for symbol, letter in enumerate(CODE_LENGTHS)):
        code <<= bits - length
        table[bits, code] = symbol
        code, length = code + 1, bits
    return table


CODES = codes()


def huffman(data):
    """The text of bytes that are coded so."""
    out, code, length = bytearray(), 0, 0
    for byte in data:
        for shift in range(7, -1, -1):
            code, length = code << 1 | byte >> shift & 1, length + 1
            if (length, code) in CODES:
                out.append(CODES[length, code])
                code = length = 0
    return out.decode("latin-1")


def hpack_integer(value, bits=7, first=0):
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = bytearray([first | most]), value - most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def hpack(fields):
    """The block of fields (name, value): each literal, none kept in a table."""
    out = b""
    for name, value in fields:
        name, value = (each if isinstance(each, bytes) else each.encode() for each in (name, value))
        out += b"\0" + hpack_integer(len(name)) + name + hpack_integer(len(value)) + value
    return out


class Unpacker:
    """The fields of a peer's blocks, in their order."""

    def __init__(self):
        self.table = []  # the newest first
        self.room = 4096

    def fields(self, block):
        self.block, self.at = block, 0
        found = []
        while self.at < len(block):
            first = block[self.at]
            if first & 0x80:
                found.append(self.known(self.integer(7)))
            elif first & 0xe0 == 0x20:
                self.room = self.integer(5)
                self.evict()
            else:
                kept = first & 0x40
                index = self.integer(6 if kept else 4)
                found.append((self.known(index)[0] if index else self.text(), self.text()))
                if kept:
                    self.table.insert(0, found[-1])
                    self.evict()
        return found

    def known(self, index):
        return (STATIC_TABLE + self.table)[index - 1]

    def evict(self):
        while sum(32 + len(name) + len(value) for name, value in self.table) > self.room:
            self.table.pop()

    def integer(self, bits):
        most = (1 << bits) - 1
        value, shift = self.block[self.at] & most, 0
        self.at += 1
        if value < most:
            return value
        while True:
            byte = self.block[self.at]
            self.at += 1
            value, shift = value + ((byte & 127) << shift), shift + 7
            if byte < 128:
                return value

    def text(self):
        coded = self.block[self.at] & 0x80
        length = self.integer(7)
        data = self.block[self.at:self.at + length]
        self.at += length
        return huffman(data) if coded else data.decode("latin-1")


def varint(value):
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def message(fields):
    """A message of protobuf. `fields`: number: a number, a text, bytes, a message of the same form (its keys are numbers), a map (texts), or a
    list of these."""
    out = b""
    for number, value in fields.items():
        if isinstance(value, dict) and any(isinstance(key, str) for key in value):
            value = [{1: name, 2: each} for name, each in value.items()]
        for each in (value if isinstance(value, list) else [value]):
            if isinstance(each, int):
                out += varint(number << 3) + varint(each)
                continue
            data = message(each) if isinstance(each, dict) else each.encode() if isinstance(each, str) else each
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def parsed(data):
    """The fields of a message: number: all its values."""
    fields, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            value = number()
        else:
            length = {1: 8, 5: 4}.get(tag & 7) or number()
            value = data[at:at + length]
            at += length
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def framed(data, compressed=0):
    """A message with gRPC's prefix."""
    return struct.pack(">BI", compressed, len(data)) + data


class Frame(NamedTuple):
    kind: int
    flags: int
    stream: int
    payload: bytes


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """The bytes of a frame; `length`: one that it has not."""
    return struct.pack(">I", len(payload) if length is None else length)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def switch(place, path="/grpc", fields=(), timeout=15):
    """`POST PATH` on the socket at `place`, to HTTP/2: (status, socket, what came behind the answer's head)."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    connection.connect(str(place))
    head = "".join(f"{name}: {value}\r\n" for name, value in (("Host", "d"), ("Connection", "Upgrade"), ("Upgrade", "h2c"), *fields))
    connection.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionResetError("no answer to the upgrade")
        answer += piece
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), connection, rest


class Answer(NamedTuple):
    code: int       # of gRPC's; None: the stream was reset, or the connection is gone
    text: str
    messages: list


class Stream:
    """What came of a call."""

    def __init__(self):
        self.fields, self.data, self.over, self.room = [], b"", False, WINDOW

    def answer(self):
        fields = dict(self.fields)
        messages, data = [], self.data
        while len(data) >= 5:
            length = struct.unpack(">I", data[1:5])[0]
            messages.append(data[5:5 + length])
            data = data[5 + length:]
        code = fields.get("grpc-status")
        return Answer(None if code is None else int(code), unquote(fields.get("grpc-message", "")), messages)


class Connection:
    """A client's side. Nothing is read but by finish(), take() and write(), and nothing sent that was not asked for but what keeps a
    connection alive: so a test may send what it likes."""

    def __init__(self, place, path="/grpc", fields=(), preface=True, timeout=15):
        status, self.socket, self.arrived = switch(place, path, fields, timeout)
        if status != 101:
            raise AssertionError(f"POST {path} was answered with {status}: {self.arrived[:300]!r}")
        self.streams, self.next_id, self.unpacker, self.room, self.block = {}, 1, Unpacker(), WINDOW, b""
        self.stream_room = WINDOW
        self.gone_away = False
        self.over = False
        if preface:
            self.send(PREFACE + frame(SETTINGS))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read_frame(self):
        """The next frame; None when the peer has closed."""
        while len(self.arrived) < 9 or len(self.arrived) < 9 + int.from_bytes(self.arrived[:3], "big"):
            try:
                piece = self.socket.recv(1 << 18)
            except ConnectionError:
                piece = b""
            if not piece:
                self.over = True
                return None
            self.arrived += piece
        length = int.from_bytes(self.arrived[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", self.arrived[3:9])
        payload, self.arrived = self.arrived[9:9 + length], self.arrived[9 + length:]
        return Frame(kind, flags, stream & 0x7fffffff, payload)

    def take(self):
        """Reads one frame and does what it asks for; None when the peer has closed."""
        found = self.read_frame()
        if not found:
            return None
        stream = self.streams.get(found.stream)
        if found.kind == SETTINGS and not found.flags & ACK:
            for at in range(0, len(found.payload), 6):
                name, value = struct.unpack(">HI", found.payload[at:at + 6])
                if name == 4:  # INITIAL_WINDOW_SIZE, also of the streams that there are
                    for each in self.streams.values():
                        each.room += value - self.stream_room
                    self.stream_room = value
            self.send(frame(SETTINGS, ACK))
        elif found.kind == PING and not found.flags & ACK:
            self.send(frame(PING, ACK, 0, found.payload))
        elif found.kind == WINDOW_UPDATE:
            more = int.from_bytes(found.payload, "big")
            if found.stream == 0:
                self.room += more
            elif stream:
                stream.room += more
        elif found.kind in (HEADERS, CONTINUATION):
            self.block += found.payload
            if found.flags & END_HEADERS:
                fields, self.block = self.unpacker.fields(self.block), b""
                self.heads(found.stream, fields)
        elif found.kind == DATA and found.payload:
            if stream:
                stream.data += found.payload
            more = struct.pack(">I", len(found.payload))
            self.send(frame(WINDOW_UPDATE, 0, 0, more) + (b"" if found.flags & END_STREAM else frame(WINDOW_UPDATE, 0, found.stream, more)))
        elif found.kind == GOAWAY:
            self.gone_away = True
        stream = self.streams.get(found.stream)
        if stream and (found.kind == RST_STREAM or (found.kind in (DATA, HEADERS) and found.flags & END_STREAM)):
            stream.over = True
        return found

    def heads(self, stream, fields):
        if stream in self.streams:
            self.streams[stream].fields += fields

    def begin(self, path, fields=(), end=False):
        """Opens a stream; its id."""
        stream, self.next_id = self.next_id, self.next_id + 2
        self.streams[stream] = Stream()
        self.streams[stream].room = self.stream_room
        block = hpack([(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "d"), ("content-type", "application/grpc"),
                       ("te", "trailers"), *fields])
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block))
        return stream

    def write(self, stream, data, end=False):
        """Bytes of a stream, as fast as the peer makes room for them."""
        state = self.streams[stream]
        while data and not state.over:
            size = min(FRAME_MAX, len(data), self.room, state.room)
            if size <= 0:
                if not self.take():
                    return
                continue
            last = end and size == len(data)
            self.send(frame(DATA, END_STREAM if last else 0, stream, data[:size]))
            self.room, state.room, data = self.room - size, state.room - size, data[size:]

    def start(self, path, request=b"", fields=()):
        """A call with one message; its stream."""
        stream = self.begin(path, fields)
        self.write(stream, framed(message(request) if isinstance(request, dict) else request), end=True)
        return stream

    def finish(self, stream):
        while not self.streams[stream].over and self.take():
            pass
        return self.streams[stream].answer()

    def call(self, path, request=b"", fields=()):
        return self.finish(self.start(path, request, fields))


class Session(Connection):
    """A session behind `POST /session`, in which the engine is the client. It is alive until close(), and keeps the paths that it was asked."""

    def __init__(self, place, identity, methods=("/moby.filesync.v1.FileSync/DiffCopy", "/moby.filesync.v1.Auth/Credentials"), further=()):
        fields = [("X-Docker-Expose-Session-Uuid", identity), ("X-Docker-Expose-Session-Name", "tests"), *further,
                  *(("X-Docker-Expose-Session-Grpc-Method", each) for each in methods)]
        super().__init__(place, "/session", fields, preface=False, timeout=None)
        self.asked = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while len(self.arrived) < len(PREFACE):
            piece = self.socket.recv(65536)
            if not piece:
                return
            self.arrived += piece
        self.arrived = self.arrived[len(PREFACE):]
        try:
            self.send(frame(SETTINGS))
            while self.take():
                pass
        except OSError:
            pass  # it was closed

    def heads(self, stream, fields):
        path = dict(fields).get(":path")
        head = hpack([(":status", "200"), ("content-type", "application/grpc")])
        if path == "/grpc.health.v1.Health/Check":
            self.send(frame(HEADERS, END_HEADERS, stream, head) + frame(DATA, 0, stream, framed(b"\x08\x01"))
                      + frame(HEADERS, END_HEADERS | END_STREAM, stream, hpack([("grpc-status", "0")])))
        elif path:
            self.asked.append(path)
            self.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, head + hpack([("grpc-status", str(NOT_FOUND)), ("grpc-message", "none")])))

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.socket.close()
