"""Between berth and a real engine: passes everything on as it is, and keeps what berth sends."""

import json
import os
import re
import socket
import threading


class Recorder:
    """A unix socket in front of an engine's. `requests` are (request line, body) of whole requests, in the order of their ends. `answering` is
    called before bytes of an answer go on, `switched` before those that berth sends behind an upgrade do."""

    answering = staticmethod(lambda data: None)
    switched = staticmethod(lambda data: None)

    def __init__(self, path, engine):
        self.path = str(path)
        self.engine = str(engine)
        self.requests = []
        self.lock = threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    def mark(self):
        with self.lock:
            return len(self.requests)

    def since(self, mark, pattern=""):
        """(request line, body) of the requests after `mark` whose line matches."""
        with self.lock:
            return [each for each in self.requests[mark:] if re.search(pattern, each[0])]

    def stop(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        os.unlink(self.path)

    def _accept(self):
        while True:
            try:
                berth, _ = self.listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            try:
                engine.connect(self.engine)
            except OSError:
                berth.close()
                continue
            threading.Thread(target=self._pass, args=(berth, engine, _Reader(self)), daemon=True).start()
            threading.Thread(target=self._pass, args=(engine, berth, None), daemon=True).start()

    def _pass(self, source, target, reader):
        try:
            while data := source.recv(1 << 16):
                reader.read(data) if reader else self.answering(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            for each in (source, target):
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


class _Reader:
    """Takes berth's requests out of the bytes of one connection; behind an upgrade there are no more."""

    def __init__(self, recorder):
        self.recorder = recorder
        self.buffer = b""
        self.raw = False

    def read(self, data):
        if self.raw:
            self.recorder.switched(data)
            return
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            length = re.search(rb"\r\nContent-Length: (\d+)", head)
            size = int(length[1]) if length else 0
            if b"\r\nTransfer-Encoding: chunked" in head:
                end = rest.find(b"0\r\n\r\n")
                if end < 0:
                    return
                size = end + 5
            if len(rest) < size:
                return
            self.buffer = rest[size:]
            line = head.split(b"\r\n")[0].decode()
            with self.recorder.lock:
                self.recorder.requests.append((line, rest[:size]))
            if b"\r\nUpgrade: " in head:
                self.raw = True
                return


def canonical(body):
    """The value of a body that berth wrote. AssertionError when its bytes could be read in another way: keys twice, another order, blanks."""
    value = json.loads(body)
    again = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    assert again == body, f"not canonical: {body!r}"
    return value
