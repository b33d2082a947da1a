"""What tests of BuildKit share: stock clients of jobs and of the host, with nothing set."""

import tempfile
import unittest
from pathlib import Path

from builds import Builds
from toolchains import reason_of
from tools import Docker


class StockDocker(Docker):
    """A docker CLI with its plugins, as it is installed: its builds are BuildKit's."""

    def env(self, **extra):
        return super().env(**{"DOCKER_BUILDKIT": "", "BUILDX_NO_DEFAULT_ATTESTATIONS": "", **extra})


def stock_docker(engine, socket):
    """A stock client of `socket`, with settings of its own and the plugins in them. None where there is no buildx."""
    plugins = engine.toolchain.plugins
    if not (plugins / "docker-buildx").exists():
        return None
    folder = Path(tempfile.mkdtemp(prefix="stock-", dir=engine.folder))
    (folder / "cli-plugins").mkdir()
    for plugin in ("docker-buildx", "docker-compose"):
        if (plugins / plugin).exists():
            (folder / "cli-plugins" / plugin).symlink_to(plugins / plugin)
    return StockDocker(engine.docker.cli, socket, folder)


class BuildKit(Builds):
    """`self.stock(job)` is a stock client; `self.folder(...)` a directory to build from."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not (cls.engine.toolchain.plugins / "docker-buildx").exists():
            cls.tearDownClass()  # which unittest leaves out for a class that skips itself
            raise unittest.SkipTest("no docker-buildx: " + reason_of("newest"))
        cls.docker = cls.stock(cls.job)
        cls.ok = cls.docker.ok

    @classmethod
    def stock(cls, job):
        return stock_docker(cls.engine, job.door)

    @classmethod
    def of_host(cls):
        return stock_docker(cls.engine, cls.engine.socket)

    def folder(self, *lines, **files):
        """A directory with a Dockerfile of these lines, and further files (`a__b`: `a.b`)."""
        folder = Path(tempfile.mkdtemp(prefix="context-", dir=self.engine.folder))
        (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text)
        return folder

    def build(self, *lines, docker=None, flags=("-t", "mine"), files=None):
        """The output of a build that works."""
        result = (docker or self.docker)("build", "--progress=plain", *flags, ".", cwd=self.folder(*lines, **(files or {})))
        self.assertEqual(result.code, 0, result.out + result.err)
        return result.out + result.err

    def refused(self, *lines, docker=None, flags=(), files=None):
        """The last line that a client prints whose build fails; nothing of the host's secret is in what it printed."""
        result = (docker or self.docker)("build", "--progress=plain", *flags, ".", cwd=self.folder(*lines, **(files or {})))
        self.assertNotEqual(result.code, 0, "was built: " + result.out + result.err)
        self.assertNotIn("TOPSECRET", result.out + result.err)
        return (result.out + result.err).strip().splitlines()[-1]

    def tags(self, job=None):
        """The names of a job's images; those of images without one are left out."""
        names = (name for each in (job or self.job).api.get("/images/json") for name in each["RepoTags"] or [])
        return sorted(name for name in names if not name.startswith("<none>"))
