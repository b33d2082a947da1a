"""A fake dockerd on a unix socket: it records every byte that it gets, knows enough to serve berth, and misbehaves on demand.

It also holds berth to its promise of decision 1: what reaches the engine is berth's own. A request line, header or framing
that berth does not write is kept in `violations`; every test ends by finding that list empty.
"""

import re
import socket
import threading

from channel import Channel, Cut
from small_dockerd import SmallDockerd


class FakeEngine(SmallDockerd):
    """`on` scripts what is answered to whom; what is not scripted is answered as a small dockerd would."""

    def __init__(self, path):
        super().__init__()
        self.path = str(path)
        self.lock = threading.Lock()
        self.requests = []
        self.channels = []
        self.violations = []
        self.scripts = []
        self.faults = []
        self.stopping = False
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1024)
        threading.Thread(target=self._accept, daemon=True).start()

    # For the tests.

    def on(self, method, pattern, handler, times=1):
        """The next `times` requests whose path (without version) matches are answered by `handler(channel, request)`.

        `handler.reads_body = False` leaves the body to the handler.
        """
        with self.lock:
            self.scripts.append([method, re.compile(pattern), handler, times])

    def fault(self, method, pattern, kind, after):
        """The next matching answer is cut or stalls (`kind`) after so many bytes."""
        with self.lock:
            self.faults.append((method, re.compile(pattern), (kind, after)))

    def clear(self):
        with self.lock:
            self.scripts.clear()
            self.faults.clear()

    def mark(self):
        return len(self.requests)

    def since(self, mark, method=None, pattern=""):
        """The requests recorded after `mark`, in the order of their heads."""
        return [each for each in self.requests[mark:] if (method in (None, each.method)) and re.search(pattern, each.path)]

    def violation(self, text):
        self.violations.append(text)

    def open_connections(self):
        return sum(not each.ended.is_set() for each in list(self.channels))

    def stop(self):
        self.stopping = True
        self.listener.close()
        for channel in list(self.channels):
            try:
                channel.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    # The server.

    def _accept(self):
        while not self.stopping:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            channel = Channel(self, sock)
            self.channels.append(channel)
            threading.Thread(target=self._serve, args=(channel,), daemon=True).start()

    def _pick(self, plan, request):
        """Takes the first entry of `plan` for this request."""
        for entry in plan:
            if entry[0] == request.method and entry[1].search(request.path):
                return entry
        return None

    def _serve(self, channel):
        try:
            while not self.stopping:
                request = channel.read_request()
                if request is None:
                    return
                with self.lock:
                    self.requests.append(request)
                    script = self._pick(self.scripts, request)
                    if script:
                        script[3] -= 1
                        if script[3] == 0:
                            self.scripts.remove(script)
                    fault = self._pick(self.faults, request)
                    if fault:
                        self.faults.remove(fault)
                channel.fault, channel.sent = (fault[2] if fault else None), 0
                channel.to_head = request.method == "HEAD"
                handler = script[2] if script else self._answer
                if getattr(handler, "reads_body", True):
                    channel.read_body(request)
                try:
                    handler(channel, request)
                finally:
                    request.answered = channel.sent
        except (Cut, OSError):
            pass
        finally:
            channel.close()
