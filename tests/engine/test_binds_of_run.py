"""Bind mounts of `berth run`, which speaks of the host's own paths."""

import attacks
from harness import BINARY, EngineCase
from tools import image_archive, run

ENGINES = ("distribution", "trixie")


class OnTheHost(EngineCase):
    """`berth run`: paths beneath the workspace are as they are."""

    jobs_wanted = ()

    def berth_run(self, cwd, script, *flags):
        docker = self.engine.docker
        prelude = f"docker() {{ {docker.cli} \"$@\"; }}; docker load -q <'{self.archive}' >/dev/null; "
        env = docker.env(BERTH_ADMIN=str(self.berth.admin))
        return run([BINARY, "run", *flags, "--", "sh", "-c", prelude + script], env=env, cwd=cwd, timeout=90)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.archive = cls.engine.folder / "box.tar"
        cls.archive.write_bytes(image_archive("box:latest", comment="of berth run"))

    def test_the_current_directory_is_the_workspace(self):
        work = self.engine.folder / "run-work"
        (work / "sub").mkdir(parents=True)
        (work / "sub/here").write_text("here")
        result = self.berth_run(work, "docker run --rm -v $PWD/sub:/x box cat /x/here")
        self.assertEqual((result.code, result.out), (0, "here"), result.err)
        link = self.engine.folder / "run-link"
        link.symlink_to(work)
        result = self.berth_run("/", f"docker run --rm -v {link}/sub:/x box cat /x/here", "--workspace", str(link))
        self.assertEqual((result.code, result.out), (0, "here"), result.err)

    def test_beside_the_workspace_is_refused(self):
        work = self.engine.folder / "run-narrow"
        work.mkdir()
        result = self.berth_run(work, "docker run --rm -v $PWD/..:/x box ls /x")
        self.refused(result, "paths beneath", str(work), "binds")

    @attacks.shows("M-01", "refused")
    def test_the_hosts_root_is_no_workspace(self):
        self.assertEqual(self.berth_run("/", "docker run --rm box echo fine").out, "fine\n")
        result = self.berth_run("/", "true", "--workspace", "/")
        self.refused(result, "cannot be given to containers")
        self.refused(self.berth_run("/", "docker run --rm -v /etc:/x box ls /x"), "binds")
