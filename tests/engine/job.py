"""A job of a daemon under test."""

import hashlib
import io
import json
import tarfile

from commands import build, do, load
from tools import Api, Docker, busybox_rootfs, image_archive


class Job:
    """An open job: `docker` and `api` speak through its door."""

    def __init__(self, berth, facts):
        self.berth = berth
        self.id = facts["id"]
        self.key = facts["key"]
        self.door = facts["door"].removeprefix("unix://")
        self.docker = Docker(berth.engine.toolchain.docker, self.door, berth.engine.config)
        self.ok = self.docker.ok
        self.api = Api(self.door)
        self.image = "own-busybox"  # the same in every job: tags are private
        self.closed = False

    def do(self, *words):
        """A docker command around what the test is about, without a client."""
        return do(self.api, *words)

    def show(self):
        return json.loads(self.berth.ok("job", "show", self.id, "--json"))

    def address(self):
        """The address on which the job's published ports are."""
        return self.show()["address"]

    def close(self, timeout="100s"):
        """`berth job close`, as a Result; closing twice is an error of the test."""
        assert not self.closed
        self.closed = True
        return self.berth.cli("job", "close", self.id, "--timeout", timeout, timeout=120)

    def read(self, image, path):
        """The text of a file of an image, without a container that runs."""
        box = self.do("create", image, "x")
        status, archive = self.api.call("GET", f"/containers/{box}/archive?path={path}", raw=True)
        assert status == 200, f"{path} of {image}: {status} {archive[-300:]}"
        self.do("rm", box)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            return tar.extractfile(tar.next()).read().decode()

    def build(self, tag, files, **arguments):
        """A classic build through the door, without a CLI. The answer's lines; raises AssertionError if the build failed."""
        return build(self.api, files, t=tag, **arguments)

    def load_busybox(self):
        """The job's own busybox image. Loaded, not built: the engine has the layer from the host's, so this takes a tenth of the time."""
        # Another image in each job; its key is nothing that an answer may show.
        load(self.api, image_archive(f"{self.image}:latest", comment=hashlib.sha256(self.key.encode()).hexdigest()[:16]))

    def build_busybox(self, **arguments):
        """The same image under a profile that refuses a load, and for what is about builds."""
        self.build(self.image, {"Dockerfile": 'FROM scratch\nADD rootfs.tar /\nCMD ["sh"]\n', "rootfs.tar": busybox_rootfs()}, **arguments)
