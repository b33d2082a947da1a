"""A machine with systemd as its first process, in namespaces of its own over a throw-away copy of this one's root."""

import os
import signal
import subprocess
from pathlib import Path

from tools import SYSTEM_PATH, Unavailable, clean_env, run, wait_for

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# The machine's root is made, then becomes `/`; what the engine shows under $folder is the same there, mounts included.
SCRIPT = r"""
set -e
root=$1 folder=$2; shift 2
mount --make-private /
mount -t proc proc $root/proc
mount -t sysfs sysfs $root/sys
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs $root/run
mount -t tmpfs -o mode=1777 tmpfs $root/tmp
mount -t tmpfs -o mode=755 tmpfs $root/dev
for each in "$@"; do touch $root/dev/$each; mount --bind /dev/$each $root/dev/$each; done
ln -s pts/ptmx $root/dev/ptmx
mkdir $root/dev/pts $root/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts $root/dev/pts
mkdir -p $root$folder $root/old_root
mount --rbind $folder $root$folder
cd $root
pivot_root . old_root
mount --make-rprivate /old_root
umount -l /old_root
rmdir /old_root
exec env -i container=berth-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=sysinit.target --log-target=journal --show-status=no
"""


def cgroup_root():
    """Where this machine has its cgroup v2, alone or beside v1."""
    with open("/proc/self/mounts") as mounts:
        return next((Path(line.split()[1]) for line in mounts if line.split()[2] == "cgroup2"), None)


class Machine:
    """Boots in the network namespace of an engine, which is then started among its processes; the engine's socket is /run/docker.sock.
    `shared` is a folder that both see, with all that is mounted below."""

    counter = 0

    def __init__(self, engine):
        if not os.path.exists("/lib/systemd/systemd"):
            raise Unavailable("there is no systemd")
        if not cgroup_root():
            raise Unavailable("there is no cgroup v2 for a systemd of one's own")
        Machine.counter += 1
        self.engine = engine
        self.shared = engine.folder / f"shared{Machine.counter}"
        self.folder = engine.folder.with_name(f"{engine.folder.name}-machine{Machine.counter}")  # not within what the machine mounts
        self.root = self.folder / "root"
        self.log = engine.folder / f"machine{Machine.counter}.log"
        self.cgroup = cgroup_root() / self.folder.name
        self.process, self.init = None, None
        self.shared.mkdir()

    def boot(self):
        self.engine.make_namespace()
        self.folder.mkdir()
        if run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self.folder]).code != 0:
            raise Unavailable("nothing can be mounted here")
        for name in ("root", "upper", "work"):
            (self.folder / name).mkdir()
        made = run(["mount", "-t", "overlay", "-o", f"lowerdir=/,upperdir={self.folder}/upper,workdir={self.folder}/work", "overlay", self.root])
        if made.code != 0:
            raise Unavailable(f"the root cannot be overlaid: {made.err.strip()}")
        (self.root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)  # services are held back in containers and by tests/setup
        self.cgroup.mkdir()
        # In a cgroup of its own before it gets the namespace, whose root that is.
        start = ["sh", "-c", f"echo $$ > {self.cgroup}/cgroup.procs && exec \"$@\"", "sh", "nsenter", f"--net=/run/netns/{self.engine.namespace}",
                 "unshare", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child", "--propagation", "unchanged",
                 "bash", "-c", SCRIPT, "bash", self.root, self.engine.folder, *DEVICES]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in start], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_env(), start_new_session=True)
        wait_for(lambda: self.booted() or self.process.poll() is not None, 60, "the machine's systemd")
        if self.process.poll() is not None:
            raise Unavailable(f"no systemd boots here: {self.log.read_text(errors='replace')[-300:]}")
        self.ok("ln", "-s", self.engine.socket, "/run/docker.sock")
        # Its processes are the machine's, as berth looks at it through /proc.
        self.engine.within = ("nsenter", "-t", self.init, "-p")
        self.engine.preparation = "mount -t proc proc /proc"
        self.engine.start()
        return self

    def booted(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            self.init = int(children.read_text().split()[0])
            return Path(f"/proc/{self.init}/comm").read_text() == "systemd\n" and self.state("sysinit.target") == "active"
        except (OSError, IndexError):
            return False

    def inside(self, *argv, **options):
        return run(["nsenter", "-t", self.init, "-m", "-u", "-i", "-p", "-C", "-n", "env", "-i", f"PATH={SYSTEM_PATH}", "LC_ALL=C.UTF-8",
                    "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_PAGER=", *argv], **options)

    def ok(self, *argv, **options):
        result = self.inside(*argv, **options)
        words = " ".join(str(word) for word in argv)
        assert result.code == 0, f"`{words}` exited {result.code}\nstdout: {result.out}\nstderr: {result.err}\n{self.journal()}"
        return result.out.strip()

    def state(self, unit):
        return self.inside("systemctl", "is-active", unit).out.strip()

    def property(self, unit, name):
        return self.ok("systemctl", "show", "--value", "-p", name, unit)

    def write(self, path, text):
        """A file of the machine, on its own root."""
        target = self.root / str(path).lstrip("/")
        self.ok("mkdir", "-p", os.path.dirname(path))
        self.ok("tee", path, input=text)
        return target

    def journal(self, unit="berth.service"):
        return self.inside("journalctl", "--no-pager", "-n", "60", "-u", unit).out

    def end(self):
        if self.process and self.process.poll() is None:
            if self.init:
                os.kill(self.init, signal.SIGKILL)  # and with it all that is in the machine
            else:
                self.process.kill()
            self.process.wait(30)
        # The engine died with it; Engine.wipe() removes what is left of both.
