"""Everything stops at one step after another of a job that builds with BuildKit: nothing is ever left (test_crash_table.py)."""

import tempfile
from pathlib import Path

import test_crash_table
from buildkit import stock_docker

ENGINES = ("newest",)


class BuildKitCrashes(test_crash_table.CrashTable):
    stride = test_crash_table.STRIDE // 2 or 1  # such a job has few steps
    # As when dockerd alone is killed: a step of BuildKit's is no container of containerd's.
    test_dockerd_and_containerd_are_killed = None

    def live(self, job, base, answers):
        """A build from a base that must be pulled, and one on its result."""
        docker = stock_docker(self.engine, job.door)
        if not docker:
            self.skipTest("no buildx")
        for lines in (f"FROM {self.registry().address}/busybox\nRUN echo {job.key} >/x\n", "FROM one\nCOPY Dockerfile /\n"):
            folder = Path(tempfile.mkdtemp(dir=self.engine.folder))
            (folder / "Dockerfile").write_text(lines)
            docker("build", "-t", "one", "-t", "two", ".", cwd=folder)
