"""After `berth job close` the engine is as it was before the job, whatever the job made."""

import tempfile
import time

import attacks
from harness import EngineCase
from tools import tar_of, wait_for

ENGINES = ("trixie", "newest")


class ReapCase(EngineCase):
    jobs_wanted = ()

    def setUp(self):
        self.job = self.open_job(busybox=False)
        self.at_start = self.engine.snapshot()
        self.job.load_busybox()

    def run_box(self, *flags, command=("sleep", "1000"), job=None):
        job = job or self.job
        return job.do("run", "-d", "--stop-signal", "KILL", *flags, job.image, *command)

    def start_build(self, tag, dockerfile):
        """`docker build` in the background."""
        with tempfile.TemporaryFile() as file:
            file.write(dockerfile.encode())
            file.seek(0)
            return self.job.docker.start("build", "-t", tag, "-", stdin=file)

    def assert_reaped(self, within=60):
        """Closes the job; the engine must be as it was at the start of the test."""
        begun = time.monotonic()
        result = self.job.close()
        self.assertEqual(result.code, 0, result.out + result.err)
        self.assertLess(time.monotonic() - begun, within, "the reap took too long")
        self.assertEqual(self.difference(self.at_start), "")


class Directed(ReapCase):
    def test_nothing_was_made(self):
        self.assert_reaped()

    @attacks.shows("L-11", "removed in every state")
    def test_a_container_of_each_state(self):
        self.job.do("create", "--name", "created", self.job.image)
        self.run_box("--name", "running")
        self.run_box("--name", "paused")
        self.job.do("pause", "paused")
        self.job.do("run", "--name", "exited", self.job.image, "true")
        self.run_box("--name", "stubborn", command=("sh", "-c", "trap '' TERM; while :; do sleep 1; done"))
        self.assert_reaped(within=30)

    @attacks.shows("L-08", "recorded as gone")
    def test_a_container_that_removes_itself(self):
        self.run_box("--rm", "--name", "running")
        for _ in range(5):
            self.run_box("--rm", command=("true",))  # may be in removal while the job ends
        self.assert_reaped()

    @attacks.shows("L-09 R-14", "removed")
    def test_a_container_that_crashes_and_restarts_for_ever(self):
        self.run_box("--restart", "always", "--name", "crashing", command=("false",))
        wait_for(lambda: int(self.job.ok("inspect", "-f", "{{.RestartCount}}", "crashing")) >= 1, what="a restart")
        self.assert_reaped()

    @attacks.shows("M-23 G-07", "removed")
    def test_anonymous_named_and_orphaned_volumes(self):
        self.run_box("-v", "/anonymous", "-v", "named:/named")
        self.job.do("create", "--name", "left", "-v", "/orphan", self.job.image)
        self.job.do("rm", "left")  # without -v: its volume stays
        self.job.do("volume", "create")
        self.job.do("volume", "create", "made")
        self.assert_reaped()

    @attacks.shows("M-23 G-07", "removed with their container")
    def test_volumes_that_an_image_declares(self):
        self.job.build("declares", {"Dockerfile": f"FROM {self.job.image}\nVOLUME /declared\n"})
        self.job.do("run", "-d", "declares", "sleep", "1000")
        self.job.do("create", "--name", "left", "declares")
        self.job.do("rm", "left")
        self.assert_reaped()

    def test_networks_with_members(self):
        for name in ("first", "second"):
            self.job.do("network", "create", name)
        self.run_box("--name", "both", "--network", "first")
        self.job.do("network", "connect", "second", "both")
        self.run_box("-p", "8080:80")
        self.assert_reaped()

    @attacks.shows("W-16 G-08", "taken off and removed")
    def test_a_network_that_the_host_has_joined(self):
        self.job.do("network", "create", "shared")
        real = f"berth.{self.job.key}.shared"
        self.engine.do("run", "-d", "--name", "of-the-host", "--network", real, "busybox", "sleep", "1000")
        try:
            result = self.job.close()
            self.assertEqual(result.code, 0, result.out + result.err)
            self.assertEqual(self.engine.docker.ok("inspect", "-f", "{{.State.Running}}", "of-the-host"), "true")
        finally:
            self.engine.do("rm", "-f", "of-the-host")
        self.assertEqual(self.difference(self.at_start), "")

    def test_images_built_tagged_and_dangling(self):
        for turn in range(3):
            self.job.build("again", {"Dockerfile": f"FROM {self.job.image}\nRUN echo {turn} >/turn\nRUN echo more >>/turn\n"})
        self.job.do("tag", "again", "tagged:1")
        self.job.do("tag", "again", "some.host:5000/path/tagged:2")
        self.job.do("rmi", "again")
        self.job.build("child", {"Dockerfile": "FROM tagged:1\nRUN echo child >/child\n"})
        self.job.do("run", "-d", "child", "sleep", "1000")
        self.assert_reaped()

    def test_a_build_without_a_name(self):
        self.job.ok("build", "-q", "-", input=f"FROM {self.job.image}\nRUN echo nameless >/x\n")
        self.assert_reaped()

    def test_a_build_that_failed(self):
        result = self.job.docker("build", "-t", "fails", "-", input=f"FROM {self.job.image}\nRUN echo a >/a\nRUN false\n")
        self.assertNotEqual(result.code, 0)
        self.assert_reaped()

    def test_an_image_untagged_under_its_container(self):
        self.job.build("used", {"Dockerfile": f"FROM {self.job.image}\nRUN echo used >/x\nRUN echo more >/y\n"})
        self.job.do("create", "--name", "user", "used")
        self.job.do("rmi", "-f", "used")
        self.assertIn("<none>", self.job.ok("images", "--format", "{{.Repository}}"))
        self.assert_reaped()

    def test_a_tag_that_moves_from_a_base(self):
        self.job.build("base", {"Dockerfile": f"FROM {self.job.image}\nRUN echo 1 >/x\n"})
        self.job.build("child", {"Dockerfile": "FROM base\nRUN echo child >/y\n"})
        self.job.build("base", {"Dockerfile": f"FROM {self.job.image}\nRUN echo 2 >/x\n"})
        self.job.do("tag", self.job.image, "child")
        self.job.do("rmi", "base")
        self.assert_reaped()

    @attacks.shows("B-03", "removed")
    def test_stages_and_failures_leave_no_steps(self):
        image = self.job.image
        self.job.build("staged", {"Dockerfile": f"FROM {image} AS one\nRUN echo 1 >/x\nRUN echo 2 >/y\nFROM {image}\nCOPY --from=one /x /x\n"})
        failing = tar_of({"Dockerfile": f"FROM {image}\nRUN echo 3 >/x\nRUN echo 4 >/y\nRUN false\n"})
        for _ in range(2):  # the second one from the cache
            self.assertIn(b"non-zero code", self.job.api.call("POST", "/build?t=staged", failing, raw=True)[1])
        self.assert_reaped()

    def test_builds_whose_client_was_killed(self):
        for delay in (0.2, 0.5, 0.8, 1.1, 1.4):
            steps = "".join(f"RUN echo {delay}{step} >/f{step}\n" for step in range(8))
            build = self.start_build("killed", f"FROM {self.job.image}\n{steps}RUN sleep 1000\n")
            time.sleep(delay)
            build.kill()
            build.communicate()
        self.assert_reaped(within=40)

    def test_a_build_under_way(self):
        build = self.start_build("slow", f"FROM {self.job.image}\nRUN echo 1 >/x\nRUN sleep 1000\n")
        wait_for(lambda: [each for each in self.engine.api.get("/containers/json") if "sleep 1000" in each["Command"]], 20, "the second step")
        self.assert_reaped(within=30)
        build.communicate()

    def test_a_renamed_container_and_execs(self):
        self.run_box("--name", "before")
        self.job.ok("rename", "before", "after")
        self.job.ok("exec", "-d", "after", "sleep", "1000")
        self.assert_reaped()

    @attacks.shows("I-07", "stays with the other")
    def test_an_image_that_two_jobs_built_alike_stays_with_the_other(self):
        other = self.open_job()
        self.job.build("same", {"Dockerfile": f"FROM {self.job.image}\nRUN echo same >/same\n"})
        self.assertEqual(self.job.close().code, 0)
        self.assertEqual(other.do("run", "--rm", other.image, "echo", "still here"), "still here")
        self.assertEqual(other.close().code, 0)
        self.assertEqual(self.difference(self.at_start), "")

    def test_a_pulled_image_stays_as_the_hosts_cache_and_is_absent_to_the_next_job(self):
        registry = self.registry()
        self.job.ok("pull", f"{registry.address}/busybox")
        self.run_box()
        self.assertEqual(self.job.close().code, 0)
        self.assertEqual(self.difference(self.at_start), "")
        other = self.open_job(busybox=False)
        self.refused(other.docker("inspect", "--type", "image", f"{registry.address}/busybox"), "no such image")

    @attacks.shows("G-13", "404 is success")
    def test_what_the_host_removed_is_no_obstacle(self):
        container = self.run_box("--name", "gone", "-v", "named:/n")
        self.job.do("network", "create", "gone")
        self.engine.do("rm", "-f", container)
        self.engine.do("network", "rm", f"berth.{self.job.key}.gone")
        self.engine.do("volume", "rm", f"berth.{self.job.key}.named")
        self.assert_reaped()

    def test_a_closed_job_is_remembered_as_clean(self):
        self.run_box()
        report = self.berth.ok("job", "close", self.job.id, "--json", timeout=90)
        self.job.closed = True
        self.assertIn('"clean": true', report)
        self.assertEqual(self.difference(self.at_start), "")
