"""Testcontainers for Node.js with its reaper (Ryuk) enabled, with nothing set but what `berth run` sets."""

import json
import shutil
import subprocess
from pathlib import Path

from harness import BINARY, EngineCase
from toolchains import CACHE, reason_of
from tools import busybox_rootfs, clean_env, run, tar_of

ENGINES = ("distribution",)

HERE = Path(__file__).parent
RYUK = "testcontainers/ryuk:stand-in"
RYUK_IN_THE_LIBRARY = "testcontainers/ryuk:0.11.0"  # what the library of package.json's version asks for


def compile_ryuk(target):
    """The stand-in for the reaper, statically linked."""
    compiler = shutil.which("clang-19") or shutil.which("cc")
    subprocess.run([compiler, "-O1", "-static", "-o", str(target), str(HERE / "ryuk.c")], check=True)
    return target


class Testcontainers(EngineCase):
    jobs_wanted = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ryuk = compile_ryuk(cls.engine.folder / "ryuk")

    def test_the_reaper_removes_what_the_suite_forgot(self):
        modules = CACHE / "dockerode/node_modules"
        if not (modules / "testcontainers").exists():
            self.skipTest("no testcontainers: " + reason_of("dockerode"))
        folder = self.engine.folder / "suite"
        folder.mkdir()
        # The job's images first: no registry here has them.
        (folder / "Dockerfile").write_text("FROM scratch\nADD rootfs.tar /\n")
        (folder / "rootfs.tar").write_bytes(busybox_rootfs())
        (folder / "ryuk.tar").write_bytes(tar_of({"Dockerfile": "FROM scratch\nADD ryuk /ryuk\nCMD [\"/ryuk\"]\n", "ryuk": self.ryuk.read_bytes()}))
        script = f"""set -e
docker build -q -t box {folder} >&2
docker build -q -t {RYUK} - < {folder}/ryuk.tar >&2
node {HERE}/testcontainers.js box
for second in $(seq 40); do [ -z "$(docker ps -q --filter ancestor=box)" ] && break; sleep 0.5; done
docker ps -a --format '{{{{.Image}}}}' --filter ancestor=box
"""
        result = run(["nsenter", f"--net=/run/netns/{self.engine.namespace}", BINARY, "run", "--", "sh", "-c", script], timeout=180,
                     env=clean_env(BERTH_ADMIN=str(self.berth.admin), DOCKER_BUILDKIT="0", NODE_PATH=str(modules), RYUK_CONTAINER_IMAGE=RYUK,
                                   HOME=str(folder), DOCKER_CONFIG=str(self.engine.config), PATH=self.engine.toolchain.path + ":/usr/local/bin"))
        self.assertEqual(result.code, 0, result.err + result.out)
        told, *rest = result.out.strip().splitlines()
        seen = json.loads(told)
        self.assertEqual((seen["page"], seen["output"], seen["exitCode"]), ("page of the web", "page of the web", 0))
        self.assertEqual(rest, [], "the reaper removed the suite's containers")
        self.assertEqual(self.difference(), "")
