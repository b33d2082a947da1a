"""Clients that run in the job's own container, its anchor, as CI does it: with nothing set, and the door at /var/run/docker.sock."""

import json
import shutil
import subprocess
import unittest
from pathlib import Path

from harness import EngineCase
from test_testcontainers import RYUK_IN_THE_LIBRARY, compile_ryuk
from toolchains import CACHE, reason_of
from tools import busybox_rootfs, tar_of

ENGINES = ("distribution",)

HERE = Path(__file__).parent
WORK = "/builds/project"  # of every anchor

DOCKER_PY = """
import docker
client = docker.from_env()
assert client.containers.run("own-busybox", "cat /x/here", volumes={"%s/sub": {"bind": "/x", "mode": "ro"}}, remove=True) == b"sub\\n"
box = client.containers.run("own-busybox", ["httpd", "-f", "-p", "80", "-h", "/etc"], detach=True, ports={"80/tcp": 8090}, name="py")
assert box.exec_run("echo hi").output == b"hi\\n"
import time, urllib.request
for turn in range(50):
    try:
        page = urllib.request.urlopen("http://docker:8090/passwd", timeout=5).read()
        break
    except OSError:
        time.sleep(0.2)
assert page.startswith(b"root:")
box.remove(force=True)
image, _ = client.images.build(path="%s/image", tag="py:1", rm=True)
assert client.images.get("py:1").id == image.id
client.images.remove("py:1")
assert client.containers.list(all=True) == []
print("done")
"""

COMPOSE = """
services:
  web:
    image: own-busybox
    command: httpd -f -p 80 -h /www
    ports: ["8080:80"]
    volumes: ["./sub:/www:ro"]
"""


class Anchor(EngineCase):
    """The anchor has the programs of this machine, and the workspace as `mounts` say."""

    jobs_wanted = ()
    mounts = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        toolchain = cls.engine.toolchain
        cls.host = cls.engine.folder / f"project-{cls.__name__}"
        fill(cls.host)
        programs = [word for folder in ("/usr", "/lib", "/lib64", CACHE) if Path(folder).exists() for word in ("-v", f"{folder}:{folder}:ro")]
        cls.engine.docker.ok("run", "-d", "--name", "runner", "-v", f"{cls.berth.folder}/run:/doors", "-v", f"{HERE}:{HERE}:ro", *programs,
                             *(word.format(host=cls.host) for word in cls.mounts), "-w", WORK, "busybox", "sleep", "100000")
        cls.before = cls.engine.snapshot()
        cls.job = cls.open_job("--anchor", "runner")
        cls.inside("mkdir", "-p", "/var/run", "/etc", WORK)
        cls.inside("ln", "-sf", f"/doors/{Path(cls.job.door).relative_to(cls.berth.folder / 'run')}", "/var/run/docker.sock")
        cls.cli = toolchain.docker

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            cls.engine.docker("rm", "-fv", "runner")
            cls.engine.docker("volume", "rm", "workspace")

    @classmethod
    def run_inside(cls, *command, timeout=120, **env):
        flags = [word for key, value in env.items() for word in ("-e", f"{key}={value}")]
        return cls.engine.docker("exec", *flags, "runner", *(str(word) for word in command), timeout=timeout)

    @classmethod
    def inside(cls, *command, **options):
        result = cls.run_inside(*command, **options)
        assert result.code == 0, f"{command}: {result.code} {result.out} {result.err}"
        return result.out.strip()

    def test_the_workspace_is_bound_by_the_anchors_own_path(self):
        script = f"cd {WORK} && {self.cli} run --rm -v $PWD/sub:/x {self.job.image} cat /x/here"
        self.assertEqual(self.inside("sh", "-c", script), "sub")
        script = f"cd {WORK} && {self.cli} run --rm -v $PWD/made:/x {self.job.image} touch /x/there && ls made"
        self.assertEqual(self.inside("sh", "-c", script), "there")


def fill(folder):
    (folder / "sub").mkdir(parents=True)
    (folder / "image").mkdir()
    (folder / "sub/here").write_text("sub\n")
    (folder / "sub/index.html").write_text("page of the workspace")
    (folder / "image/Dockerfile").write_text("FROM own-busybox\nRUN echo x >/x\n")
    (folder / "compose.yaml").write_text(COMPOSE)


class OnTheHost(Anchor):
    """The workspace is a directory of the host."""

    mounts = ("-v", "{host}:" + WORK)

    def test_docker_py(self):
        self.assertEqual(self.inside("/usr/bin/python3", "-c", DOCKER_PY % (WORK, WORK)), "done")

    def test_dockerode(self):
        modules = CACHE / "dockerode/node_modules"
        if not modules.exists():
            self.skipTest("no dockerode: " + reason_of("dockerode"))
        self.assertEqual(self.inside(shutil.which("node"), HERE / "dockerode.js", self.job.image, NODE_PATH=modules), "done")

    def test_testcontainers_with_its_reaper(self):
        modules = CACHE / "dockerode/node_modules"
        if not (modules / "testcontainers").exists():
            self.skipTest("no testcontainers: " + reason_of("dockerode"))
        ryuk = compile_ryuk(self.engine.folder / "ryuk-of-the-anchor")
        self.job.build(RYUK_IN_THE_LIBRARY, {"Dockerfile": 'FROM scratch\nADD ryuk /ryuk\nCMD ["/ryuk"]\n', "ryuk": ryuk.read_bytes()})
        seen = json.loads(self.inside(shutil.which("node"), HERE / "testcontainers.js", self.job.image, timeout=180, NODE_PATH=modules, HOME="/tmp"))
        self.assertEqual((seen["page"], seen["output"], seen["exitCode"]), ("page of the web", "page of the web", 0))
        script = f"for i in $(seq 120); do [ -z \"$({self.cli} ps -aq --filter ancestor={self.job.image})\" ] && exit; sleep 0.5; done; exit 1"
        self.inside("sh", "-c", script)

    def test_compose_with_ports_and_relative_paths(self):
        plugin = self.engine.toolchain.plugins / "docker-compose"
        if not plugin.exists():
            self.skipTest("no docker-compose: " + reason_of("newest"))
        try:
            self.inside("sh", "-c", f"cd {WORK} && {plugin} up -d", HOME="/tmp")
            script = "for i in $(seq 50); do timeout 5 wget -qO- http://docker:8080/ && exit; sleep 0.3; done; exit 1"
            self.assertEqual(self.inside("sh", "-c", script), "page of the workspace")
            self.assertEqual(self.inside(self.cli, "port", "project-web-1"), "80/tcp -> 0.0.0.0:8080")
        finally:
            self.inside("sh", "-c", f"cd {WORK} && {plugin} down -t 0", HOME="/tmp")


class InAVolume(Anchor):
    """The workspace is in a named volume."""

    mounts = ("-v", "workspace:" + WORK)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.engine.docker.ok("cp", f"{cls.host}/.", f"runner:{WORK}")


class Unmounted(Anchor):
    """The workspace is in the anchor's own file system: what could be bound is told."""

    mounts = ("-v", "workspace:/cache")

    def test_the_workspace_is_bound_by_the_anchors_own_path(self):
        self.inside("sh", "-c", f"mkdir -p {WORK}/sub && echo sub >{WORK}/sub/here")
        result = self.run_inside("sh", "-c", f"cd {WORK} && {self.cli} run --rm -v $PWD/sub:/x {self.job.image} cat /x/here")
        self.refused(result, 'is refused by rule "binds"', "paths beneath", "/cache", code=125)
        self.inside("sh", "-c", "mkdir -p /cache/sub && echo cached >/cache/sub/here")
        self.assertEqual(self.inside("sh", "-c", f"cd /cache && {self.cli} run --rm -v $PWD/sub:/x {self.job.image} cat /x/here"), "cached")


del Anchor  # what the others have in common is no test
