"""A client that speaks raw HTTP."""

import json
import re
import socket
import time

from framings import request


class Broken(Exception):
    """The answer ended before its framing said so, or was no HTTP."""


class Reply:
    def __init__(self, status, headers, head):
        self.status = status
        self.headers = headers
        self.head = head
        self.body = b""

    def json(self):
        return json.loads(self.body)

    def message(self):
        """The text of a refusal in Docker's form."""
        value = self.json()
        assert list(value) == ["message"] and value["message"], f"not a refusal in Docker's form: {self.body!r}"
        return value["message"]

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:200]!r}>"


class Client:
    """A raw connection to a door. Reads strictly: what is not exactly one framed answer is Broken."""

    def __init__(self, path, timeout=20):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.connect(str(path), time.monotonic() + timeout)
        self.buffer = b""

    def connect(self, path, until):
        while True:
            try:
                return self.sock.connect(path)
            except BlockingIOError:  # the door's backlog is full, and a unix socket that has a timeout does not wait for room
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        """Returns self. A peer that has closed is noticed by reading."""
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)
        return self

    def fill(self):
        try:
            data = self.sock.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return bool(data)

    def closed(self):
        """True when berth closes without another byte."""
        return not self.buffer and not self.fill()

    def rest(self):
        """All bytes until berth closes."""
        while self.fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def line(self):
        while b"\r\n" not in self.buffer:
            if not self.fill():
                raise Broken(f"within a line: {self.buffer!r}")
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def take(self, size):
        while len(self.buffer) < size:
            if not self.fill():
                raise Broken("within a body")
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def head(self):
        """The next head; its `body` is yet to be read."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill():
                raise Broken(f"within a head: {self.buffer!r}")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 ([1-5][0-9]{2}) [A-Za-z ]+", lines[0])
        if not match:
            raise Broken(f"no status line: {lines[0]!r}")
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(": ")
            if not colon or name.lower() in headers:
                raise Broken(f"a malformed or repeated header: {line!r}")
            headers[name.lower()] = value
        return Reply(int(match[1]), headers, head)

    def chunk(self):
        """The next chunk of a chunked answer; empty at its end."""
        size = int(self.line(), 16)
        data = self.take(size)
        if self.line() != b"":
            raise Broken("no CRLF behind a chunk")
        return data

    def reply(self, to_head=False):
        """The next answer, whole."""
        reply = self.head()
        headers = reply.headers
        if to_head or reply.status < 200 or reply.status in (204, 304):
            return reply
        if "transfer-encoding" in headers:
            while piece := self.chunk():
                reply.body += piece
        elif "content-length" in headers:
            reply.body = self.take(int(headers["content-length"]))
        else:
            reply.body = self.rest()
        return reply

    def call(self, method, target, body=None, *headers, **options):
        return self.send(request(method, target, body, *headers, **options)).reply(method == "HEAD")
