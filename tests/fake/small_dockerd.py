"""What a dockerd answers, as far as berth needs it: the fake engine's answers to what a test does not script."""

import hashlib
import io
import json
import re
import secrets
import tarfile
import threading

from channel import KEPT_BODY, RAW_STREAM, Cut

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


class SmallDockerd:
    """Keeps what it is asked to make, in memory. `stopping` and `violation` are those of who serves it."""

    def __init__(self):
        self.told = []  # who follows the events
        self.telling = threading.Lock()
        self.containers, self.networks, self.volumes, self.execs = {}, {}, {}, {}
        self.images = {}
        self.configs = {}  # by id

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
