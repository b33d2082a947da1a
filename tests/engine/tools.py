"""Commands, clients and archives: what the tests do things with."""

import contextlib
import fcntl
import functools
import hashlib
import http.client
import io
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import termios
import time
from pathlib import Path
from typing import NamedTuple

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Unavailable(Exception):
    """A part of the test bed that this machine cannot have; the text is the reason of the skip."""


class Result(NamedTuple):
    code: int
    out: str
    err: str


def clean_env(**extra):
    """The environment without anything that steers a Docker client."""
    kept = {key: value for key, value in os.environ.items()
            if not key.startswith(("DOCKER_", "COMPOSE_", "BUILDX_", "BUILDKIT_", "BERTH_"))}
    return {**kept, "PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8", **extra}


def run(argv, input=None, timeout=60, env=None, cwd=None, text=True):
    """Runs a command to its end, without the terminal's stdin. Raises AssertionError if it takes longer than `timeout` seconds."""
    process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env or clean_env(), cwd=cwd,
                               text=text, errors="replace" if text else None, start_new_session=True)
    try:
        out, err = process.communicate(input, timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        words = " ".join(str(word) for word in argv)
        raise AssertionError(f"`{words}` was not done after {timeout} s; stdout: {out!r}, stderr: {err!r}") from None
    return Result(process.returncode, out, err)


def wait_for(condition, timeout=20, what="the condition", pause=0.02):
    """The first true value of `condition()`. Raises AssertionError after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(pause)


@contextlib.contextmanager
def mounted(place, *options, within=()):
    """`mount OPTIONS PLACE`, as long as the block lasts. `within`: a command that enters another mount namespace."""
    made = run([*within, "mount", *options, place])
    assert made.code == 0, made.err
    try:
        yield place
    finally:
        unmounted = run([*within, "umount", place])
        assert unmounted.code == 0, unmounted.err


@contextlib.contextmanager
def running(namespace, script, *args, out=subprocess.DEVNULL):
    """A Python program in the network namespace of that name, as long as the block lasts. `out`: its stdout."""
    process = subprocess.Popen(["nsenter", f"--net=/run/netns/{namespace}", sys.executable, "-c", script, *(str(arg) for arg in args)],
                               stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


# Answers `reached` to every GET, on the port that is its argument and on all addresses of both families.
WEB_SERVER = """
import http.server, socket, sys
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200), self.end_headers(), self.wfile.write(b"reached")
    log_message = lambda *_: None
Server(("::", int(sys.argv[1])), Handler).serve_forever()
"""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Api:
    """The Engine API on a socket, without a client's help."""

    def __init__(self, path, version="v1.41"):
        self.path = path
        self.version = version

    def call(self, method, path, body=None, timeout=60, headers=None, raw=False):
        """(status, JSON or text of the answer). A dict as body is sent as JSON, bytes as a tar."""
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        elif body is not None:
            headers.setdefault("Content-Type", "application/x-tar")
        elif method == "POST":
            headers.setdefault("Content-Length", "0")
        connection = UnixConnection(self.path, timeout)
        try:
            connection.request(method, f"/{self.version}{path}", body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if raw:
            return answer.status, content
        try:
            return answer.status, json.loads(content) if content else None
        except ValueError:
            return answer.status, content.decode(errors="replace")

    def get(self, path):
        """The JSON of a GET that must answer 200."""
        status, content = self.call("GET", path)
        assert status == 200, f"GET {path}: {status} {content}"
        return content

    def answers(self):
        try:
            return self.call("GET", "/_ping", timeout=2)[0] == 200
        except (OSError, http.client.HTTPException):
            return False


class Docker:
    """A docker CLI that speaks to one socket."""

    def __init__(self, cli, socket_path, config):
        self.cli = str(cli)
        self.host = f"unix://{socket_path}"
        self.config = str(config)

    def env(self, **extra):
        # Builds are classic: the engine's own builder, not BuildKit.
        # GOGC: it ends before there is anything to collect, and a tenth of its time went into that. GOMAXPROCS: another tenth went into threads.
        return clean_env(**{"DOCKER_HOST": self.host, "DOCKER_CONFIG": self.config, "DOCKER_BUILDKIT": "0", "GOGC": "400", "GOMAXPROCS": "1", **extra})

    def __call__(self, *args, input=None, timeout=60, cwd=None, text=True, **extra):
        """Runs `docker ARGS`; keyword arguments in upper case are its environment."""
        return run([self.cli, *args], input, timeout, self.env(**extra), cwd, text)

    def ok(self, *args, **options):
        """The stripped stdout of a `docker ARGS` that must succeed."""
        result = self(*args, **options)
        words = " ".join(str(word) for word in args)
        assert result.code == 0, f"`docker {words}` exited {result.code}\nstdout: {result.out}\nstderr: {result.err}"
        return result.out.strip() if isinstance(result.out, str) else result.out

    def start(self, *args, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=None):
        """`docker ARGS` in the background, with binary unbuffered pipes."""
        return subprocess.Popen([self.cli, *(str(arg) for arg in args)], stdin=stdin, stdout=subprocess.PIPE, stderr=stderr,
                                env=self.env(), cwd=cwd, bufsize=0, start_new_session=True)


class Terminal:
    """A command on a pseudo terminal of 24 lines and 80 columns."""

    def __init__(self, argv, env):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
                os.execve(argv[0], argv, env)
            finally:
                os._exit(127)

    def write(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern, timeout=20):
        """Reads on until `pattern` (a regular expression) has been seen; what was read up to its end is dropped."""
        end = time.monotonic() + timeout
        while True:
            match = re.search(pattern, self.seen)
            if match:
                self.seen = self.seen[match.end():]
                return match
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            try:
                got = os.read(self.fd, 65536) if ready else b""
            except OSError:  # the other side is closed
                got = b""
            if not got:
                raise AssertionError(f"the terminal never showed {pattern!r}; it showed {self.seen!r}")
            self.seen += got.decode(errors="replace")

    def wait(self, timeout=20):
        """The exit status."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            ready, _, _ = select.select([self.fd], [], [], 0.05)
            try:
                if ready:
                    self.seen += os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                time.sleep(0.02)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)
        raise AssertionError(f"the command on the terminal did not end; it showed {self.seen!r}")


def tar_of(files):
    """A tar with `files` (name: text or bytes), the same bytes for the same files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            content = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@functools.lru_cache
def busybox_rootfs():
    """The tar of a root file system around the machine's static busybox."""
    busybox = next((path for path in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(path)), None)
    if not busybox:
        raise Unavailable("there is no static busybox")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        def add(name, kind, mode=0o755, content=b"", link=""):
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.size, member.linkname = kind, mode, len(content), link
            archive.addfile(member, io.BytesIO(content))
        for folder in ("bin", "etc", "home", "root", "proc", "sys", "dev", "var", "tmp", "mnt", "srv"):
            add(folder, tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755)
        add("bin/busybox", tarfile.REGTYPE, content=Path(busybox).read_bytes())
        for applet in run([busybox, "--list"]).out.split():
            if applet != "busybox":
                add(f"bin/{applet}", tarfile.SYMTYPE, link="/bin/busybox")
        add("etc/passwd", tarfile.REGTYPE, 0o644, b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n")
        # Without it the C library in the static busybox looks for modules that are not there.
        add("etc/nsswitch.conf", tarfile.REGTYPE, 0o644, b"passwd: files\ngroup: files\nhosts: files dns\n")
        add("etc/group", tarfile.REGTYPE, 0o644, b"root:x:0:\nnobody:x:65534:\n")
    return buffer.getvalue()


def image_archive(name, comment):
    """An archive as `docker save` makes it, of an image around busybox_rootfs(); it is another image for another comment."""
    layer = busybox_rootfs()
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"], "Env": [f"PATH={SYSTEM_PATH}"]}, "created": "2024-01-01T00:00:00Z",
              "history": [{"created": "2024-01-01T00:00:00Z", "comment": comment}],
              "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}}
    return tar_of({"config.json": json.dumps(config), "manifest.json": json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]),
                   "layer.tar": layer})
