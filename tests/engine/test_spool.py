"""Archives that a job sends wait on the host's disk until they are judged: where it is full, the job is told."""

import os

from harness import Berth, EngineCase
from tools import mounted, tar_of

ENGINES = ("trixie",)

MEGABYTE = 1 << 20


class FullDisk(EngineCase):
    jobs_wanted = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.small = cls.engine.folder / "small"
        cls.small.mkdir()
        cls.enterClassContext(mounted(cls.small, "-t", "tmpfs", "-o", "size=4m", "tmpfs"))
        cls.berth = Berth(cls.engine)
        cls.berth.environment = {"TMPDIR": str(cls.small)}
        cls.berth.start()

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            cls.berth.stop()

    def test_what_does_not_fit_is_refused_with_the_reason(self):
        job = self.open_job()
        large = self.engine.folder / "large"
        large.mkdir()
        (large / "Dockerfile").write_text(f"FROM {job.image}\nCOPY data /\n")
        (large / "data").write_bytes(os.urandom(8 * MEGABYTE))
        archive = self.engine.folder / "large.tar"
        archive.write_bytes(tar_of({"manifest.json": "[]", "data": os.urandom(8 * MEGABYTE)}))
        for words in (("build", "-t", "large", large), ("load", "-i", archive)):
            with self.subTest(words[0]):
                result = job.docker(*words)
                self.refused(result, "the host cannot keep what is sent: No space left on device", code=1)
                self.assertNotIn(str(self.engine.folder / "small"), result.err)
        # The space is free again, and the job as it was.
        self.assertEqual(os.statvfs(self.small).f_bavail, os.statvfs(self.small).f_blocks)
        job.build("fits", {"Dockerfile": f"FROM {job.image}\nRUN true\n"})
        self.assertEqual(job.ok("images", "-q", "large"), "")
