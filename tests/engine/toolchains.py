"""Where the programs of each kind of engine are, and why one is not there."""

import os
import shutil
from pathlib import Path

from tools import SYSTEM_PATH, Unavailable

CACHE = Path(os.environ.get("BERTH_TEST_CACHE")
             or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "berth-tests")


class Toolchain:
    """Where the programs of an engine of `kind` are: `distribution` (the machine's own), `trixie` (Debian 13's), `newest` (unstable's)."""

    def __init__(self, kind):
        self.kind = kind
        self.path = SYSTEM_PATH
        self.plugins = CACHE / "newest/cli-plugins"
        if kind != "distribution":
            if not (CACHE / kind / "recipe").exists():
                raise Unavailable(f"no {kind} engine: {reason_of(kind)}")
            self.path = f"{CACHE}/{kind}/bin:{SYSTEM_PATH}"
            self.plugins = CACHE / kind / "cli-plugins"
        self.dockerd = shutil.which("dockerd", path=self.path)
        # A docker CLI under /usr/local may be of any version: the distribution's is preferred.
        self.docker = shutil.which("docker", path="/usr/bin" if kind == "distribution" else self.path) or \
            shutil.which("docker", path=self.path)
        if not self.dockerd or not self.docker:
            raise Unavailable("the machine has no dockerd or no docker CLI")


def reason_of(part):
    """Why a part of the cache is missing."""
    try:
        return (CACHE / f"{part}.reason").read_text().strip()
    except OSError:
        return "tests/setup has not been run"
