"""A few bytes of a hostile job that made much work or memory, each to be asked again and again; and the memory that a daemon gets."""

import contextlib
import http.client
import json
import os
import re
import socket
import threading
from pathlib import Path
from urllib.parse import quote

from tools import Unavailable, run

JSON = {"Content-Type": "application/json"}
REFUSED = (400, 413, 429, 503)


def members(count, value):
    """The inside of an object with so many keys."""
    return ",".join(f'"{number:x}":{value}' for number in range(count))


def create(image, rest):
    return ("POST", "/containers/create", f'{{"Image":"{image}",{rest}}}')


def bodies(image):
    """name: a request of few bytes with many values; none of it may reach an engine."""
    regex = quote(json.dumps({"name": ["(a*)*" * 40 + str(number) for number in range(40)]}))
    return {
        "V-20 labels": create(image, f'"Labels":{{{members(290000, chr(34) * 2)}}}'),
        "V-21 unknown keys": create(image, members(330000, "0")),
        "V-22 empty objects": create(image, f'"HostConfig":{{"Mounts":[{",".join(["{}"] * 600000)}]}}'),
        "V-22 variables": create(image, f'"Env":[{",".join([chr(34) * 2] * 600000)}]'),
        "V-22 extra hosts": create(image, f'"HostConfig":{{"ExtraHosts":[{",".join([chr(34) * 2] * 60000)}]}}'),
        "V-22 long texts": create(image, f'"Env":["A={"x" * 2000000}"]'),
        "V-22 labels of a volume": ("POST", "/volumes/create", f'{{"Name":"v","Labels":{{{members(200000, chr(34) * 2)}}}}}'),
        "V-22 labels of a network": ("POST", "/networks/create", f'{{"Name":"n","Labels":{{{members(200000, chr(34) * 2)}}}}}'),
        "V-31 options of a tmpfs": create(image, f'"HostConfig":{{"Tmpfs":{{"/t":"{"," * 500000}"}}}}'),
        "V-31 many of them": create(image, f'"HostConfig":{{"Tmpfs":{{{",".join(chr(34) + f"/{n}" + chr(34) + ":" + chr(34) + "," * 8000 + chr(34) for n in range(60))}}}}}'),
        "V-31 the mode of a bind": create(image, f'"HostConfig":{{"Binds":["v:/v:{"," * 500000}"]}}'),
        "V-31 options of a volume": ("POST", "/volumes/create", f'{{"DriverOpts":{{"type":"tmpfs","device":"tmpfs","o":"{"ro," * 160000}ro"}}}}'),
        "V-23 values of filters": ("GET", f"/containers/json?filters={quote(json.dumps({'label': [f'{n:x}' for n in range(1500)]}))}", None),
        "V-23 patterns": ("GET", f"/containers/json?filters={regex}", None),
    }


def status_of(job, method, path, body=None, headers=None):
    """0: the daemon closed the connection."""
    try:
        return job.api.call(method, path, body.encode() if body else None, headers={**JSON, **(headers or {})}, timeout=120)[0]
    except (OSError, http.client.HTTPException):
        return 0


def wide(image):
    """A container of nearly the most texts that a job may have the engine keep."""
    return create(image, f'"Cmd":["true"],"Labels":{{{",".join(chr(34) + f"{n:04}" + chr(34) + ":" + chr(34) + "x" * 110 + chr(34) for n in range(4000))}}}')


def follow_events(job, count):
    """So many streams of events: (those that began, statuses of the others)."""
    began, refused = [], []
    for _ in range(count):
        stream = socket.socket(socket.AF_UNIX)
        stream.settimeout(30)
        try:
            stream.connect(job.door)
            stream.sendall(b"GET /v1.41/events HTTP/1.1\r\nHost: d\r\n\r\n")
            status = int(stream.recv(64).split()[1])
        except (OSError, IndexError):
            status = 0
        if status == 200:
            began.append(stream)
        else:
            refused.append(status)
            stream.close()
    return began, refused


class Load:
    """Everything at once from `job`, from the beginning of the `with` to its end. `statuses`: name: what was answered."""

    def __init__(self, job, streams=1000, lists_at_once=6):
        self.job = job
        self.statuses = {}
        self.over = threading.Event()
        self.counting = threading.Lock()
        self.streams = streams
        self.lists_at_once = lists_at_once
        self.began, self.turned_away = [], []
        self.wide = []
        self.threads = []

    def note(self, name, status):
        with self.counting:
            seen = self.statuses.setdefault(name, {})
            seen[status] = seen.get(status, 0) + 1

    def prepare(self):
        """What is asked for later is there first: large objects, streams."""
        for _ in range(10):
            method, path, body = wide(self.job.image)
            status, made = self.job.api.call(method, path, body.encode(), headers=JSON)
            self.note("V-25 large objects", status)
            if status == 201:
                self.wide.append(made["Id"])
        self.began, self.turned_away = follow_events(self.job, self.streams)

    def again(self, name, requests):
        while not self.over.is_set():
            for each in requests:
                self.note(name, status_of(self.job, *each))
                if self.over.is_set():
                    return

    def __enter__(self):
        self.prepare()
        for name, request in bodies(self.job.image).items():
            self.threads.append(threading.Thread(target=self.again, args=(name, [request]), daemon=True))
        every = ["/containers/json?all=1", "/system/df", "/info", *(f"/containers/{each}/json" for each in self.wide[:1])]
        for path in every:
            for _ in range(self.lists_at_once):
                self.threads.append(threading.Thread(target=self.again, args=(f"V-25 {path}", [("GET", path)]), daemon=True))
        if self.wide:
            runs = [("POST", f"/containers/{self.wide[0]}/{what}") for what in ("start", "wait", "rename?name=a", "rename?name=b")]
            self.threads.append(threading.Thread(target=self.again, args=("V-27 events", runs), daemon=True))
        for each in self.threads:
            each.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for each in self.threads:
            each.join(120)
        with contextlib.ExitStack() as stack:
            for each in self.began:
                stack.enter_context(each)


class Memory:
    """A cgroup with so many bytes, as systemd makes it for MemoryMax=. Without swap, which would hide what is beyond it."""

    def __init__(self, name, most):
        v1 = Path("/sys/fs/cgroup/memory")
        self.v1 = (v1 / "memory.limit_in_bytes").exists()
        self.folder = (v1 if self.v1 else Path("/sys/fs/cgroup")) / name
        try:
            self.folder.mkdir()
            if self.v1:
                (self.folder / "memory.limit_in_bytes").write_text(str(most))
                (self.folder / "memory.swappiness").write_text("0")
            else:
                (self.folder / "memory.max").write_text(str(most))
                (self.folder / "memory.swap.max").write_text("0")
        except OSError as error:
            raise Unavailable(f"no memory cgroup can be made: {error}") from None

    def within(self, engine):
        """The command that starts a daemon in it."""
        return ["sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', "sh", "nsenter", f"--net=/run/netns/{engine.namespace}"]

    def peak(self):
        """MiB; what the daemon's files take in the kernel's cache counts too."""
        return int((self.folder / ("memory.max_usage_in_bytes" if self.v1 else "memory.peak")).read_text()) / (1 << 20)

    def kills(self):
        text = (self.folder / ("memory.oom_control" if self.v1 else "memory.events")).read_text()
        return int(re.search(r"oom_kill (\d+)", text)[1])

    def remove(self):
        for _ in range(50):
            try:
                os.rmdir(self.folder)
                return
            except OSError:
                run(["sleep", "0.1"])
