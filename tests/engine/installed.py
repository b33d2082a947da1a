"""The package of the build under test on a machine with a real systemd."""

import functools
import shutil
import tempfile
import unittest
from pathlib import Path

from engines import Engine
from harness import BINARY, EngineCase
from machine import Machine
from tools import Unavailable, run, wait_for


@functools.cache
def made_package(version):
    """(name, content)"""
    with tempfile.TemporaryDirectory() as folder:
        made = run(["cpack", "-G", "DEB", "-B", folder, *(["-R", version] if version else [])], timeout=300, cwd=BINARY.parent)
        found = list(Path(folder).glob(f"berth_{version or ''}*.deb"))
        assert made.code == 0 and len(found) == 1, f"cpack exited {made.code}, made {found}: {made.out} {made.err}"
        return found[0].name, found[0].read_bytes()


def package(folder, version=None):
    """The .deb of the build under test, which is made once."""
    name, content = made_package(version)
    (folder / name).write_bytes(content)
    return folder / name


class MachineCase(EngineCase):
    jobs_wanted = ()

    @classmethod
    def setUpClass(cls):
        if not shutil.which("cpack") or not (BINARY.parent / "CPackConfig.cmake").exists():
            raise unittest.SkipTest("the binary under test has no build directory to make a package of")
        try:
            cls.engine = Engine(cls.kind)
            cls.addClassCleanup(cls.engine.wipe)
            cls.machine = Machine(cls.engine)
            cls.addClassCleanup(cls.machine.end)
            cls.machine.boot()
            cls.machine.ok("rm", "-f", "/var/lib/man-db/auto-update")  # else each change of the package has all manual pages read anew
        except Unavailable as reason:
            raise unittest.SkipTest(str(reason)) from None
        cls.opened, cls.before = [], cls.engine.snapshot()
        cls.place = Path(tempfile.mkdtemp(dir=cls.machine.shared))

    @classmethod
    def install(cls, deb, *flags):
        return cls.machine.ok("dpkg", "--path-include=*", *flags, "-i", deb, timeout=300)  # images of containers leave documentation out

    @classmethod
    def serving(cls):
        """The service's process, once it serves."""
        wait_for(lambda: "serving Docker" in cls.machine.property("berth.service", "StatusText"), 60, "berth.service")
        return int(cls.machine.property("berth.service", "MainPID"))
