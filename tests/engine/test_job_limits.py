"""Limits of a job as a whole: all its containers run under one cgroup, which goes with it."""

import tempfile
from pathlib import Path

import attacks
from harness import EngineCase, RuledBerth
from tools import wait_for

ENGINES = ("distribution", "newest")

MEGABYTE = 1 << 20


class LimitedBerth(RuledBerth):
    rules = """
        [profile.default]
        limits.job = { memory = "64MB", cpus = 1.5, pids = 40 }
    """


class Limits(EngineCase):
    jobs_wanted = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.limited = LimitedBerth(cls.engine).start()

    @classmethod
    def tearDownClass(cls):
        cls.limited.stop()
        super().tearDownClass()

    def setUp(self):
        self.job = self.limited.open_job()
        self.job.load_busybox()
        self.addCleanup(lambda: self.job.closed or self.job.close())

    def directories(self, key):
        root = Path("/sys/fs/cgroup")
        return [*root.glob(f"*/berth/{key}"), *root.glob(f"berth/{key}")]

    @attacks.shows("R-04 R-05", "under the job's own control group")
    def test_all_containers_are_under_one_parent_that_goes_with_the_job(self):
        self.job.do("run", "-d", "--name", "one", self.job.image, "sleep", "1000")
        self.job.ok("run", "-d", "--name", "two", "-m", "32m", "--cgroup-parent", "/", self.job.image, "sleep", "1000")
        for name in ("one", "two"):
            facts = self.engine.api.get(f"/containers/{self.job.ok('inspect', '-f', '{{.Id}}', name)}/json")
            self.assertEqual(facts["HostConfig"]["CgroupParent"], f"/berth/{self.job.key}")
            self.assertIn(f"/berth/{self.job.key}/", Path(f"/proc/{facts['State']['Pid']}/cgroup").read_text())
            self.assertEqual(self.job.ok("inspect", "-f", "{{.HostConfig.CgroupParent}}", name), "")
        limits = {each.name: each.read_text().strip() for directory in self.directories(self.job.key) for each in directory.iterdir()
                  if each.name in ("memory.limit_in_bytes", "memory.max", "pids.max", "cpu.cfs_quota_us", "cpu.max")}
        self.assertIn(str(64 * MEGABYTE), limits.values())
        self.assertIn("40", limits.values())
        self.assertTrue({"150000", "150000 100000"} & set(limits.values()), limits)
        own = self.job.do("exec", "two", "sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; true")
        self.assertEqual(own, str(32 * MEGABYTE))
        self.assertEqual(self.job.close().code, 0)
        self.assertEqual(self.directories(self.job.key), [])

    @attacks.shows("B-16 B-24", "under the job's own control group")
    def test_the_steps_of_a_build_are_under_it_too(self):
        with tempfile.TemporaryFile() as file:
            file.write(f"FROM {self.job.image}\nRUN sleep 1000\n".encode())
            file.seek(0)
            build = self.job.docker.start("build", "-", stdin=file)
        wait_for(lambda: [each for directory in self.directories(self.job.key) for each in directory.iterdir() if each.is_dir()], 20,
                 "the step's cgroup under the job's")
        build.kill()
        build.communicate()
        self.assertEqual(self.job.close().code, 0)
        self.assertEqual(self.directories(self.job.key), [])

    def test_too_much_memory_in_several_containers_ends_that_job_alone(self):
        other = self.limited.open_job()
        self.addCleanup(other.close)
        other.load_busybox()
        other.do("run", "-d", "--name", "calm", other.image, "sleep", "1000")
        fill = ("dd", "if=/dev/zero", "of=/dev/shm/full", "bs=1M", "count=45")
        for name in ("first", "second"):
            self.job.do("run", "-d", "--name", name, self.job.image, "sleep", "1000")
        self.job.ok("exec", "first", *fill)
        result = self.job.docker("exec", "second", *fill)
        still_up = self.job.ok("ps", "-q", "--filter", "status=running").split()
        self.assertTrue(result.code != 0 or len(still_up) < 2, "90 MB in a job of 64 MB")
        self.assertEqual(other.ok("inspect", "-f", "{{.State.Running}}", "calm"), "true")
        other.ok("exec", "calm", *fill)

    def test_processes_of_all_containers_are_counted_together(self):
        self.job.do("run", "-d", "--name", "full", self.job.image, "sh", "-c", "for i in $(seq 30); do sleep 1000 & done; sleep 1000")
        result = self.job.docker("run", "--rm", self.job.image, "sh", "-c", "for i in $(seq 30); do sleep 1000 & done; echo all")
        self.assertNotIn("all", result.out)
        self.assertNotEqual(result.code, 0)

    def test_a_restarted_daemon_keeps_the_limits(self):
        self.limited.kill()
        self.limited.start()
        self.job.do("run", "-d", "--name", "later", self.job.image, "sleep", "1000")
        pid = self.engine.api.get(f"/containers/{self.job.ok('inspect', '-f', '{{.Id}}', 'later')}/json")["State"]["Pid"]
        self.assertIn(f"/berth/{self.job.key}/", Path(f"/proc/{pid}/cgroup").read_text())
        self.assertEqual(self.job.close().code, 0)
        self.assertEqual(self.directories(self.job.key), [])
