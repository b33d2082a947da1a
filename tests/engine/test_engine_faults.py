"""The engine is away, stands still, comes back as another version, or comes back with its containers running: what jobs see, and their ends."""

import signal
import threading
import time

from harness import EngineCase
from toolchains import Toolchain
from tools import Unavailable, wait_for

ENGINES = ("trixie",)


class EngineFaults(EngineCase):
    jobs_wanted = ()

    def setUp(self):
        self.at_start = self.engine.snapshot()
        self.job = self.open_job()
        self.addCleanup(self.back)

    def back(self):
        """Whatever a test did to the engine."""
        if self.engine.process and self.engine.process.poll() is None:
            self.engine.process.send_signal(signal.SIGCONT)
        elif not self.engine.api.answers():
            self.engine.start()

    def box(self, name="box"):
        self.job.do("run", "-d", "--name", name, "-v", "data:/data", "-p", "80", "--stop-signal", "KILL", self.job.image, "sleep", "1000")

    def reachable(self):
        wait_for(lambda: self.job.docker("ps").code == 0, 60, "an answer of the engine through the door")

    def closing(self):
        codes = []
        thread = threading.Thread(target=lambda: codes.append(self.berth.cli("job", "close", self.job.id, timeout=300).code))
        self.job.closed = True
        thread.start()
        return thread, codes

    def assert_ends(self):
        wait_for(lambda: self.job.key not in self.berth.ok("job", "list", "--json"), 120, "the end of the job", 0.5)
        self.assertEqual(self.difference(self.at_start), "")

    def test_away_while_a_job_works(self):
        self.box()
        following = self.job.docker.start("logs", "-f", "box")
        self.engine.crash()
        following.communicate(timeout=60)  # a stream ends with its engine
        for command in (("ps",), ("run", self.job.image, "true"), ("volume", "create", "more"), ("pull", "busybox")):
            self.refused(self.job.docker(*command), "berth: the engine does not answer")
        status, content = self.job.api.call("POST", "/containers/create", {"Image": self.job.image})
        self.assertEqual((status, content["message"]), (502, "berth: the engine does not answer"))
        self.assertIn(self.job.id, self.berth.ok("job", "list"))
        self.engine.start()
        self.reachable()
        self.assertEqual(self.job.ok("ps", "-a", "--format", "{{.Names}}"), "box")
        self.assertEqual(self.job.close().code, 0)
        self.assertEqual(self.difference(self.at_start), "")

    def test_away_while_a_job_is_reaped(self):
        self.box()
        self.engine.crash()
        thread, _ = self.closing()
        time.sleep(3)
        self.assertIn("draining", self.berth.ok("job", "list"))
        self.refused(self.job.docker("ps"))
        self.engine.start()
        thread.join(300)
        self.assert_ends()

    def test_away_while_its_time_runs_out(self):
        job = self.open_job("--ttl", "2s", busybox=False)
        job.closed = True
        job.do("volume", "create", "data")
        self.engine.crash()
        wait_for(lambda: "its time is up" in self.berth.log_tail(200), 30, "the end of its time")
        self.engine.start()
        wait_for(lambda: job.key not in self.berth.ok("job", "list", "--json"), 120, "the end of the job", 0.5)
        self.assertEqual(self.job.close().code, 0)
        self.assertEqual(self.difference(self.at_start), "")

    def test_stands_still(self):
        """Longer than the reap waits for one answer."""
        self.box()
        self.engine.process.send_signal(signal.SIGSTOP)
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(self.job.api.call("GET", "/containers/json", timeout=300)[0]))
        waiting.start()
        self.assertEqual(self.job.api.call("GET", "/_ping", timeout=20)[0], 200)
        self.assertIn(self.job.id, self.berth.ok("job", "list"))
        thread, codes = self.closing()
        time.sleep(40)
        self.assertTrue(thread.is_alive(), "nobody can say that the job is gone")
        self.assertIn("draining", self.berth.ok("job", "list"))
        self.engine.process.send_signal(signal.SIGCONT)
        waiting.join(60)
        self.assertFalse(waiting.is_alive(), "a request that was under way has an end")
        thread.join(300)
        self.assert_ends()

    def test_comes_back_as_another_version(self):
        other = "distribution" if self.kind == "newest" else "newest"
        try:
            toolchain = Toolchain(other)
        except Unavailable as reason:
            self.skipTest(str(reason))
        before = self.job.api.get("/version")
        ours = self.engine.toolchain
        self.engine.stop()
        self.engine.become(toolchain)
        try:
            self.engine.start()
            wait_for(lambda: self.job.api.call("GET", "/version")[1].get("Version") == self.engine.version(), 60, "the other version")
            now = self.job.api.get("/version")
            self.assertNotEqual((now["Version"], now["ApiVersion"]), (before["Version"], before["ApiVersion"]))
            # What the job has is judged by the lists of the engine that is there: it has none of it.
            wait_for(lambda: self.job.show()["objects"] == {"container": 0, "image": 0, "network": 0, "volume": 0}, 60, "the rows to go")
            self.job.load_busybox()
            self.box("there")
            self.assertEqual(self.job.ok("ps", "--format", "{{.Names}}"), "there")
            self.assertEqual(self.job.close().code, 0)
            for what, names in self.engine.snapshot().items():
                self.assertEqual([name for name in names if "berth" in name], [], what)
        finally:
            self.engine.stop()
            self.engine.become(ours)
            self.engine.start()
        # The image that the job had here is a stray now: its job is closed.
        wait_for(lambda: self.berth.cli("cleanup").code == 0, 60, "the engine's first answer")
        self.assertEqual(self.difference(self.at_start), "")

    def test_restarted_with_its_containers_running(self):
        settings = self.engine.folder / "daemon.json"
        before = settings.read_text()
        settings.write_text('{"live-restore": true}')
        try:
            self.engine.stop()
            self.engine.start()
            self.reachable()
            self.box()
            started = self.job.ok("inspect", "-f", "{{.State.StartedAt}}", "box")
            for away in (self.engine.stop, self.engine.kill, self.engine.crash):
                away()
                self.refused(self.job.docker("ps"), "berth: the engine does not answer")
                self.engine.start()
                self.reachable()
                self.assertEqual(self.job.ok("inspect", "-f", "{{.State.Running}} {{.State.StartedAt}}", "box"), f"true {started}")
                self.assertEqual(self.job.do("exec", "box", "echo", "hi"), "hi")
            self.assertEqual(self.job.close().code, 0)
            self.assertEqual(self.difference(self.at_start), "")
        finally:
            settings.write_text(before)
            self.engine.stop()
            self.engine.start()
