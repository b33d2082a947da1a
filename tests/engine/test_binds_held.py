"""What holds the paths of binds goes with the job."""

import json
import os

from harness import EngineCase
from pins import ALONE, mounts_of_berth

ENGINES = ("distribution", "trixie")


class Held(EngineCase):
    """What holds the paths goes with the job, also when the daemon was killed meanwhile."""

    jobs_wanted = ()

    def test_a_killed_daemon_leaves_nothing(self):
        workspace = self.engine.folder / "held"
        (workspace / "sub").mkdir(parents=True)
        (workspace / "sub/here").write_text("here")
        job = self.open_job("--workspace", str(workspace))
        identity = job.do("create", *ALONE, "-v", f"{workspace}/sub:/x", job.image, "cat", "/x/here")
        self.berth.kill()
        self.berth.start()
        self.assertEqual(job.ok("start", "-a", identity), "here")
        self.assertEqual(job.do("run", "--rm", *ALONE, "-v", f"{workspace}/sub:/x", job.image, "cat", "/x/here"), "here")
        self.assertEqual(json.loads(job.ok("inspect", identity))[0]["HostConfig"]["Binds"], [f"{workspace}/sub:/x"])
        self.assertEqual(job.close().code, 0)
        self.assertEqual(mounts_of_berth(self.berth), [])
        self.assertEqual((workspace / "sub/here").read_text(), "here")
        self.assertEqual(self.difference(), "")

    def test_a_workspace_that_others_may_move_is_held_by_a_mount(self):
        parent = self.engine.folder / "of-a-user"
        (parent / "work/sub").mkdir(parents=True)
        (parent / "work/sub/here").write_text("mine")
        os.chown(parent, 1234, 1234)
        job = self.open_job("--workspace", str(parent / "work"))
        identity = job.do("create", *ALONE, "-v", f"{parent}/work/sub:/x", job.image, "cat", "/x/here")
        os.rename(parent / "work", parent / "moved")
        (parent / "work").symlink_to("/")
        (parent / "moved/sub").joinpath("here").write_text("still mine")
        self.assertEqual(job.ok("start", "-a", identity), "still mine")
        self.assertEqual(job.do("run", "--rm", *ALONE, "-v", f"{parent}/work/sub:/x", job.image, "cat", "/x/here"), "still mine")
        self.refused(job.docker("run", "--rm", "--mount", f"type=bind,source={parent}/work/etc,target=/y", job.image, "true"), "does not exist")
        self.assertEqual(job.close().code, 0)
        self.assertEqual((parent / "moved/sub/here").read_text(), "still mine")
        self.assertEqual(mounts_of_berth(self.berth), [])

    def test_pins_of_removed_containers_do_not_pile_up(self):
        workspace = self.engine.folder / "pile"
        (workspace / "sub").mkdir(parents=True)
        job = self.open_job("--workspace", str(workspace))
        for _ in range(4):
            job.do("run", "--rm", *ALONE, "-v", f"{workspace}/sub:/x", job.image, "true")
        self.assertLessEqual(len([each for each in mounts_of_berth(self.berth) if job.key in each]), 2)
