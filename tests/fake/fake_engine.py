"""A fake dockerd on a unix socket: it records every byte that it gets, knows enough to serve berth, and misbehaves on demand.

It also holds berth to its promise of decision 1: what reaches the engine is berth's own. A request line, header or framing
that berth does not write is kept in `violations`; every test ends by finding that list empty.
"""

import hashlib
import io
import json
import re
import secrets
import select
import socket
import tarfile
import threading
import zlib
from urllib.parse import parse_qsl, unquote

REQUEST_LINE = re.compile(rb"(GET|HEAD|POST|PUT|DELETE) (/v1\.[0-9]+/[A-Za-z0-9_.~:@/%-]*)(?:\?([A-Za-z0-9_.~%&=+-]*))? HTTP/1\.1")
ALLOWED_HEADERS = {"host", "content-type", "content-length", "transfer-encoding", "x-registry-auth", "x-registry-config",
                   "connection", "upgrade"}
RAW_STREAM = "application/vnd.docker.raw-stream"
KEPT_BODY = 8 << 20  # of longer bodies only length and checksum are kept


def images_named_in(dockerfile):
    """All that FROM and --from name but stages, their numbers and scratch, wherever it stands."""
    lines = re.sub(r"\\[ \t]*\r?\n([ \t]*#[^\n]*\n)*", "", dockerfile).splitlines()
    stages, current, names = {"scratch"}, None, []
    for line in lines:
        words = line.split()
        if words and words[0].lower() == "onbuild":
            words = words[1:]
        if not words or words[0].lower() not in ("from", "copy", "add"):
            continue
        if words[0].lower() == "from":
            stages.add(current)
            plain = [word for word in words[1:] if not word.startswith("--")]
            found, current = plain[:1], plain[2].lower() if len(plain) == 3 else None
        else:
            found = [word.split("=", 1)[1] for word in words if word.lower().startswith("--from=")]
        names += [name for name in found if name.lower() not in stages and not name.isdigit()]
    return names


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


class FakeEngine:
    """`on` scripts what is answered to whom; what is not scripted is answered as a small dockerd would."""

    def __init__(self, path):
        self.path = str(path)
        self.lock = threading.Lock()
        self.requests = []
        self.channels = []
        self.violations = []
        self.scripts = []
        self.faults = []
        self.told = []  # who follows the events
        self.telling = threading.Lock()
        self.stopping = False
        self.containers, self.networks, self.volumes, self.execs = {}, {}, {}, {}
        self.images = {}
        self.configs = {}  # by id
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

    # The small dockerd.

    def _answer(self, channel, request):
        for method, pattern, name in ROUTES:
            match = re.fullmatch(pattern, request.path)
            if method == request.method and match:
                getattr(self, "_" + name)(channel, request, *match.groups())
                return
        channel.reply(404, {"message": "page not found"})

    def _version(self, channel, request):
        channel.reply(200, {"Version": "28.1.0", "ApiVersion": "1.49", "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64",
                            "KernelVersion": "6.1", "GitCommit": "f", "GoVersion": "go1", "BuildTime": "2024-01-01T00:00:00Z",
                            "Platform": {"Name": "fake"}, "Components": []})

    def _info(self, channel, request):
        channel.reply(200, {"ID": "x", "Driver": "overlay2", "ServerVersion": "28.1.0", "NCPU": 1, "MemTotal": 1 << 30,
                            "OperatingSystem": "Fake", "OSType": "linux", "Architecture": "x86_64", "Name": "host"})

    def _find(self, table, reference):
        """By id or by name."""
        return table.get(reference) or next((each for each in table.values() if each["Name"] == reference), None)

    def _labelled(self, table, request):
        filters = json.loads(request.query.get("filters", "{}"))
        wanted, names = filters.get("label", {}), filters.get("name", {})
        return [each for each in table.values() if set(wanted) <= {f"{key}={value}" for key, value in each["Labels"].items()}
                and all(name in each["Name"] for name in names)]

    def _container_create(self, channel, request):
        made = {"Id": secrets.token_hex(32), "Name": request.query["name"], "Body": request.json(), "State": "created"}
        made["Labels"] = made["Body"].get("Labels") or {}
        self.containers[made["Id"]] = made
        channel.reply(201, {"Id": made["Id"], "Warnings": []})

    def _container_list(self, channel, request):
        channel.reply(200, [{"Id": each["Id"], "Names": ["/" + each["Name"]], "Image": "busybox", "ImageID": each["Body"]["Image"],
                             "State": each["State"], "Status": "Up", "Labels": each["Labels"], "Created": 1, "Ports": [], "Mounts": [],
                             "HostConfig": {"NetworkMode": "x"}, "NetworkSettings": {"Networks": {}}}
                            for each in self._labelled(self.containers, request)])

    def _inspect(self, each):
        body = each["Body"]
        return {"Id": each["Id"], "Name": "/" + each["Name"], "Image": body["Image"], "Created": "2024-01-01T00:00:00Z", "Path": "sh",
                "Args": [], "State": {"Status": each["State"], "Running": False, "ExitCode": 0, "Pid": 0}, "Mounts": [],
                "Config": {key: value for key, value in body.items() if key not in ("HostConfig", "NetworkingConfig")},
                "HostConfig": body["HostConfig"], "NetworkSettings": {"Networks": {}, "Ports": {}}}

    def _container_inspect(self, channel, request, reference):
        each = self._find(self.containers, reference)
        channel.reply(*((200, self._inspect(each)) if each else (404, {"message": f"No such container: {reference}"})))

    def _container_remove(self, channel, request, reference):
        each = self._find(self.containers, reference)
        if each:
            self.containers.pop(each["Id"], None)
        channel.reply(*((204,) if each else (404, {"message": f"No such container: {reference}"})))

    def _container_act(self, channel, request, reference):
        channel.reply(204)

    def _container_update(self, channel, request, reference):
        channel.reply(200, {"Warnings": []})

    def _container_wait(self, channel, request, reference):
        channel.reply(200, {"StatusCode": 0})

    def _container_logs(self, channel, request, reference):
        channel.begin(content_type=RAW_STREAM)
        channel.chunk(b"hello\n")
        channel.end()

    def _container_attach(self, channel, request, reference):
        """An echo, as `cat` would be: ends when berth has ended its side."""
        channel.switch()
        while channel.buffer or channel.fill():
            channel.send(bytes(channel.buffer))
            channel.buffer.clear()
        raise Cut

    def _exec_create(self, channel, request, container):
        each = {"Id": secrets.token_hex(32), "Name": "", "Container": container, "Body": request.json()}
        self.execs[each["Id"]] = each
        channel.reply(201, {"Id": each["Id"]})

    def _exec_inspect(self, channel, request, reference):
        each = self.execs[reference]
        channel.reply(200, {"ID": reference, "ContainerID": each["Container"], "Running": False, "ExitCode": 0, "Pid": 0,
                            "ProcessConfig": {"entrypoint": "sh", "arguments": [], "tty": False, "privileged": False}})

    def _archive_get(self, channel, request, reference):
        stat = "X-Docker-Container-Path-Stat: eyJuYW1lIjoieCJ9"
        data = b"tar" * 100
        head = channel.head(200, "Content-Type: application/x-tar", "Transfer-Encoding: chunked", stat)
        channel.send(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))

    def _archive_head(self, channel, request, reference):
        channel.reply(200, extra=["X-Docker-Container-Path-Stat: eyJuYW1lIjoieCJ9"])

    def _archive_put(self, channel, request, reference):
        channel.reply(200)

    def _network_create(self, channel, request):
        body = request.json()
        made = {"Id": secrets.token_hex(32), "Name": body["Name"], "Body": body, "Labels": body.get("Labels") or {}}
        self.networks[made["Id"]] = made
        channel.reply(201, {"Id": made["Id"], "Warning": ""})

    def _network(self, each):
        return {"Id": each["Id"], "Name": each["Name"], "Driver": "bridge", "Scope": "local", "Labels": each["Labels"], "Options": {},
                "Created": "2024-01-01T00:00:00Z", "Containers": {}, "Internal": False, "Attachable": False, "Ingress": False,
                "EnableIPv6": False, "ConfigOnly": False, "ConfigFrom": {"Network": ""},
                "IPAM": {"Driver": "default", "Options": None, "Config": [{"Subnet": "172.30.0.0/16", "Gateway": "172.30.0.1"}]}}

    def _network_list(self, channel, request):
        channel.reply(200, [self._network(each) for each in self._labelled(self.networks, request)])

    def _network_inspect(self, channel, request, reference):
        each = self._find(self.networks, reference)
        channel.reply(*((200, self._network(each)) if each else (404, {"message": f"network {reference} not found"})))

    def _network_remove(self, channel, request, reference):
        each = self._find(self.networks, reference)
        if each:
            self.networks.pop(each["Id"], None)
        channel.reply(*((204,) if each else (404, {"message": f"network {reference} not found"})))

    def _network_act(self, channel, request, reference):
        channel.reply(200)

    def _volume(self, each):
        return {"Name": each["Name"], "Driver": "local", "Scope": "local", "Labels": each["Labels"], "Options": None,
                "Mountpoint": "/var/lib/docker/volumes/x", "CreatedAt": "2024-01-01T00:00:00Z"}

    def _volume_create(self, channel, request):
        body = request.json()
        each = self.volumes.setdefault(body["Name"], {"Name": body["Name"], "Body": body, "Labels": body.get("Labels") or {}})
        channel.reply(201, self._volume(each))

    def _volume_list(self, channel, request):
        channel.reply(200, {"Volumes": [self._volume(each) for each in self._labelled(self.volumes, request)], "Warnings": None})

    def _volume_inspect(self, channel, request, name):
        each = self.volumes.get(name)
        channel.reply(*((200, self._volume(each)) if each else (404, {"message": f"get {name}: no such volume"})))

    def _volume_remove(self, channel, request, name):
        channel.reply(*((204,) if self.volumes.pop(name, None) else (404, {"message": f"get {name}: no such volume"})))

    def _pull(self, channel, request):
        separator = "@" if ":" in request.query["tag"] else ":"
        name = f"{request.query['fromImage']}{separator}{request.query['tag']}".removeprefix("docker.io/library/")
        self.images.setdefault(name, "sha256:" + secrets.token_hex(32))
        channel.begin()
        channel.chunk(b'{"status":"Pulling from library/x","id":"latest"}\r\n')
        channel.chunk(b'{"status":"Status: Downloaded newer image"}\r\n')
        channel.end()

    def _distribution(self, channel, request, reference):
        channel.reply(200, {"Descriptor": {"digest": "sha256:" + hashlib.sha256(reference.encode()).hexdigest()}, "Platforms": []})

    def _image_inspect(self, channel, request, reference):
        name = reference.removeprefix("docker.io/library/")
        image = self.images.get(name) or next((each for each in self.images.values() if each == reference), None)
        if not image:
            channel.reply(404, {"message": f"No such image: {reference}"})
            return
        channel.reply(200, {"Id": image, "RepoTags": [key for key, value in self.images.items() if value == image], "RepoDigests": [],
                            "Config": self.configs.get(image, {}), "Size": 1, "Created": "2024-01-01T00:00:00Z", "Os": "linux", "Architecture": "amd64",
                            "RootFS": {"Type": "layers", "Layers": []}})

    def image_lines(self):
        """The list of images."""
        return [{"Id": image, "RepoTags": [key for key, value in self.images.items() if value == image], "RepoDigests": [], "ParentId": "",
                 "Created": 1704067200, "Size": 1, "SharedSize": -1, "Labels": None, "Containers": -1} for image in set(self.images.values())]

    def _image_list(self, channel, request):
        channel.reply(200, self.image_lines())

    def _image_tag(self, channel, request, reference):
        image = self.images.get(reference.removeprefix("docker.io/library/"), reference)
        self.images[f"{request.query['repo']}:{request.query['tag']}".removeprefix("docker.io/library/")] = image
        channel.reply(201)

    def _image_remove(self, channel, request, reference):
        name = reference.removeprefix("docker.io/library/")
        known = self.images.pop(name, None)
        channel.reply(*((200, [{"Untagged": name}]) if known else (404, {"message": f"No such image: {reference}"})))

    def _build(self, channel, request):
        self.check_sealed(request)
        channel.begin()
        channel.chunk(b'{"stream":"Step 1/1 : FROM scratch\\n"}\r\n')
        channel.end()

    def check_sealed(self, request):
        """What a build is sent rests on ids alone, of images that a reference of the job's holds. Returns the Dockerfile."""
        if request.length > KEPT_BODY:
            return None
        with tarfile.open(fileobj=io.BytesIO(request.body)) as tar:
            text = tar.extractfile(tar.getmembers()[-1]).read().decode(errors="replace")
        for name in images_named_in(text):
            held = any(key.startswith("berth.") and value == name for key, value in self.images.items())
            if not re.fullmatch("sha256:[0-9a-f]{64}", name) or not held:
                self.violation(f"a build is sent with the image {name!r}, {'held' if held else 'which nothing holds'}: {text!r}")
        return text

    def _events(self, channel, request):
        with self.telling:
            channel.begin()
            self.told.append(channel)
        while not channel.until_peer_closes() and not self.stopping:
            pass
        with self.telling:
            self.told.remove(channel)
        raise Cut

    def tell(self, events):
        """Lines of events, for everybody who follows them."""
        with self.telling:
            for channel in self.told:
                channel.chunk(events)

    def _df(self, channel, request):
        channel.reply(200, {"LayersSize": 0, "Images": [], "Containers": [], "Volumes": [], "BuildCache": []})


ROUTES = [
    ("GET", "version", "version"), ("GET", "info", "info"), ("GET", "events", "events"), ("GET", "system/df", "df"),
    ("POST", "containers/create", "container_create"), ("GET", "containers/json", "container_list"),
    ("GET", "containers/([^/]+)/json", "container_inspect"), ("DELETE", "containers/([^/]+)", "container_remove"),
    ("POST", "containers/([^/]+)/wait", "container_wait"), ("GET", "containers/([^/]+)/logs", "container_logs"),
    ("POST", "containers/([^/]+)/attach", "container_attach"), ("POST", "containers/([^/]+)/exec", "exec_create"),
    ("POST", "containers/([^/]+)/update", "container_update"),
    ("GET", "containers/([^/]+)/archive", "archive_get"), ("PUT", "containers/([^/]+)/archive", "archive_put"),
    ("HEAD", "containers/([^/]+)/archive", "archive_head"),
    ("POST", "containers/([^/]+)/(?:start|stop|restart|kill|pause|unpause|rename)", "container_act"),
    ("POST", "exec/([^/]+)/start", "container_attach"), ("GET", "exec/([^/]+)/json", "exec_inspect"),
    ("POST", "networks/create", "network_create"), ("GET", "networks", "network_list"), ("GET", "networks/([^/]+)", "network_inspect"),
    ("DELETE", "networks/([^/]+)", "network_remove"), ("POST", "networks/([^/]+)/(?:dis)?connect", "network_act"),
    ("POST", "volumes/create", "volume_create"), ("GET", "volumes", "volume_list"), ("GET", "volumes/([^/]+)", "volume_inspect"),
    ("DELETE", "volumes/([^/]+)", "volume_remove"),
    ("POST", "images/create", "pull"), ("GET", "images/json", "image_list"), ("GET", "images/(.+)/json", "image_inspect"),
    ("GET", "distribution/(.+)/json", "distribution"),
    ("POST", "images/(.+)/tag", "image_tag"), ("DELETE", "images/(.+)", "image_remove"), ("POST", "build", "build"),
]
