"""Real engines beside the machine's own.

An Engine is a dockerd of its own: own network namespace (loopback only, so nothing in it reaches outside), own mount namespace,
own data, own socket, all in one temporary folder, so that any number of runs may be under way on a machine at once.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from commands import build, do, load
from registries import Registry
from toolchains import Toolchain
from tools import Api, Docker, Unavailable, clean_env, image_archive, run, wait_for

KINDS = ("distribution", "trixie", "newest")
PLACE = Path(os.environ.get("TMPDIR", "/var/tmp"))


class Engine:
    """A dockerd of its own. `docker` and `api` speak to it directly, as the host's administrator does."""

    counter = 0
    within = ()  # a command that starts it in further namespaces
    preparation = "true"  # shell commands in its mount namespace, before it starts

    def __init__(self, kind):
        self.toolchain = Toolchain(kind)
        self.kind = kind
        Engine.counter += 1
        self.namespace = f"berth-{os.getpid()}-{Engine.counter}"
        self.folder = Path(tempfile.mkdtemp(prefix="berth-test-", dir=PLACE))
        self.lock = open(self.folder / "lock.new", "wb")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        (self.folder / "lock.new").rename(self.folder / "lock")  # never there without being held, or another run would take this for a rest
        self.socket = self.folder / "docker.sock"
        self.config = self.folder / "cli"
        self.log = self.folder / "engine.log"
        self.data, self.exec = self.folder / "data", self.folder / "exec"
        self.process = None
        self.mounts, self.mounts_pid = None, None  # the process that holds the mount namespace
        self.docker = Docker(self.toolchain.docker, self.socket, self.config)
        self.api = Api(self.socket)
        # On a host with systemd every mount is shared, and the engine gets those that berth makes: so here.
        for words in (("--bind", self.folder, self.folder), ("--make-shared", self.folder)):
            if run(["mount", *words]).code != 0:
                raise Unavailable("nothing can be mounted here")
        self.config.mkdir()
        if (self.toolchain.plugins / "docker-compose").exists():
            (self.config / "cli-plugins").mkdir()
            (self.config / "cli-plugins/docker-compose").symlink_to(self.toolchain.plugins / "docker-compose")
        (self.folder / "daemon.json").write_text("{}")

    def do(self, *words):
        """A docker command of the host's around what the test is about, without a client."""
        return do(self.api, *words)

    def build(self, tag, dockerfile, **files):
        """An image of the host's."""
        build(self.api, {"Dockerfile": dockerfile, **files}, t=tag)

    def make_namespace(self):
        """A network namespace with loopback, and a second address on a pair whose both ends stay inside."""
        (self.folder / "namespace").write_text(self.namespace)
        made = run(["ip", "netns", "add", self.namespace])
        if made.code != 0:
            raise Unavailable(f"no network namespace can be made here: {made.err.strip()}")
        for words in ("link set lo up", "link add ext0 type veth peer name ext1", "addr add 198.18.0.1/24 dev ext0",
                      "link set ext0 up", "link set ext1 up"):
            self.inside("ip", *words.split())

    def make_mount_namespace(self):
        """The engine's mounts are its own, but mounts made outside reach it, as on a real host. A containerd of the machine's is hidden.

        A process holds the namespace, so that an engine that is started again finds the shims of its containers at /run/containerd."""
        script = f"mount --make-rshared / && mkdir -p /run/containerd && mount -t tmpfs tmpfs /run/containerd && {self.preparation} && : > \"$1\" && exec tail -f \"$1\""
        ready = self.folder / "mounts-made"
        self.mounts = subprocess.Popen([str(word) for word in (*self.within, "unshare", "-m", "--propagation", "slave", "sh", "-c", script, "sh", ready)], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        wait_for(ready.exists, 20, "the engine's mount namespace")
        # A command that enters a namespace of processes forks.
        children = Path(f"/proc/{self.mounts.pid}/task/{self.mounts.pid}/children").read_text().split()
        self.mounts_pid = int(children[0]) if children else self.mounts.pid

    def inside(self, *argv, **options):
        """Runs a command in the engine's network namespace, where its published ports are."""
        return run(["nsenter", f"--net=/run/netns/{self.namespace}", *argv], **options)

    def start(self):
        if not os.path.exists(f"/run/netns/{self.namespace}"):
            self.make_namespace()
        if not self.mounts:
            self.make_mount_namespace()
        argv = [*self.within, "nsenter", f"--net=/run/netns/{self.namespace}", f"--mount=/proc/{self.mounts_pid}/ns/mnt",
                self.toolchain.dockerd, "--config-file", self.folder / "daemon.json", "--data-root", self.data,
                "--exec-root", self.exec, "--pidfile", self.folder / "pid", "-H", f"unix://{self.socket}"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            # GOGC: most of its processes end before there is anything to collect.
                                            env=clean_env(PATH=self.toolchain.path, GOGC="400"), start_new_session=True)
        try:
            wait_for(lambda: self.api.answers() or self.process.poll() is not None, 60, f"the {self.kind} engine's first answer")
            assert self.process.poll() is None, "dockerd ended"
        except AssertionError as error:
            raise AssertionError(f"{error}; its log ends with:\n{self.log_tail()}") from None
        return self

    def log_tail(self, lines=15):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def version(self):
        return self.api.get("/version")["Version"]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    @property
    def containerd_pid_file(self):
        return self.exec / "containerd/containerd.pid"

    def become(self, toolchain):
        """Started again, it is the engine of `toolchain`, with data of its own, at the same socket."""
        self.toolchain = toolchain
        ending = "" if toolchain.kind == self.kind else f"-{toolchain.kind}"
        self.data, self.exec = self.folder / f"data{ending}", self.folder / f"exec{ending}"

    def kill(self):
        """Kills dockerd; the containers go on. Since 20.10 the kernel kills its containerd with it."""
        containerd = self.kill_dockerd()
        wait_for(lambda: not is_running(containerd), 10, "the end of containerd")
        self.containerd_pid_file.unlink(missing_ok=True)

    def crash(self):
        """Kills dockerd and its containerd; the containers go on."""
        containerd = self.kill_dockerd()
        try:
            os.kill(containerd, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it went with dockerd
        self.containerd_pid_file.unlink(missing_ok=True)  # dockerd would wait for a process that nobody has reaped yet

    def kill_dockerd(self):
        containerd = int(self.containerd_pid_file.read_text())
        self.process.kill()
        self.process.wait()
        return containerd

    def wipe(self):
        """Stops the engine and removes all that it left: processes, mounts, namespace, files."""
        if self.process and self.process.poll() is None and self.api.answers():
            for container in self.api.get("/containers/json?all=1"):
                self.api.call("DELETE", f"/containers/{container['Id']}?force=1&v=1")
        self.stop()
        remove_rest_of(self.folder)
        if self.mounts:
            self.mounts.wait()
        self.lock.close()

    def snapshot(self):
        """All that the engine keeps, as comparable sets: what a job may not have changed once it is closed."""
        images = self.api.get("/images/json?all=1")
        return {
            "containers": {f"{each['Id'][:12]} {' '.join(each['Names'])}" for each in self.api.get("/containers/json?all=1")},
            # The engine makes its own three anew at each start.
            "networks": {each["Name"] if each["Name"] in ("bridge", "host", "none") else f"{each['Id'][:12]} {each['Name']}"
                         for each in self.api.get("/networks")},
            "volumes": {each["Name"] for each in self.api.get("/volumes")["Volumes"] or []},
            "image ids": {each["Id"] for each in images},
            # What jobs pulled stays as the host's cache, and is not counted.
            "image names": {name for each in images for name in each["RepoTags"] or [] if not name.startswith(Registry.address)},
        }

    def load_busybox(self, name="busybox:latest"):
        """Makes the image of the host: a job does not see it."""
        load(self.api, image_archive(name, comment=name))


def is_running(pid):
    """Not dead, and not dead and unreaped either."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def remove_rest_of(folder):
    """Removes what the Engine in `folder` left: processes whose command line names the folder, mounts, namespace, files; and its machines
    (machine.py), whose folders and cgroups have its name before their own."""
    machines = f"{folder}-machine"
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            if f"{folder}/".encode() in command or machines.encode() in command:
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            pass  # it ended meanwhile
    with open("/proc/self/mounts") as mounts:
        ours = [line.split()[1] for line in mounts if f"{line.split()[1]}/".startswith((f"{folder}/", machines))]
    for target in sorted(ours, reverse=True):
        run(["umount", "-l", target])
    try:
        name = (folder / "namespace").read_text()
    except OSError:
        name = None  # it never had one
    for each in [name, *(place.name for place in Path("/run/netns").glob(f"{name}-*"))] if name else ():  # and those that tests made beside it
        for pid in run(["ip", "netns", "pids", each]).out.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        run(["ip", "netns", "del", each])
    for each in (folder, *folder.parent.glob(f"{folder.name}-machine*")):
        shutil.rmtree(each, ignore_errors=True)
    run(["find", "/sys/fs/cgroup", "-depth", "-type", "d", "-path", f"*/{folder.name}-machine*", "-exec", "rmdir", "{}", ";"])


def remove_rest_of_killed_runs():
    """An Engine's folder is locked as long as its run lives: the others are of runs that were killed."""
    for folder in PLACE.glob("berth-test-*"):
        try:
            lock = open(folder / "lock", "rb")
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        remove_rest_of(folder)
        lock.close()
