"""What the docker CLI does with a container through a door: lifecycle, exec, files, logs, supervision."""

import io
import json
import tarfile
import time

from harness import EngineCase
from tools import Terminal, tar_of, wait_for

ENGINES = ("newest",)


class Lifecycle(EngineCase):
    def setUp(self):
        """A box that runs: that of the test before, unless it did something to it."""
        status, facts = self.job.api.call("GET", "/containers/box/json")
        if status != 200 or facts["State"]["Status"] != "running":
            self.job.api.call("DELETE", "/containers/box?force=1")
            self.job.do("run", "-d", "--name", "box", "--stop-signal", "KILL", self.job.image, "sleep", "1000")

    def tearDown(self):
        self.job.api.call("DELETE", "/containers/renamed?force=1")

    def state(self, name="box"):
        return self.job.ok("inspect", "-f", "{{.State.Status}}", name)

    def test_exec_gives_output_stdin_and_exit_code(self):
        self.assertEqual(self.job.ok("exec", "box", "echo", "hi"), "hi")
        self.assertEqual(self.job.ok("exec", "-i", "box", "cat", input="in\n"), "in")
        self.assertEqual(self.job.docker("exec", "box", "sh", "-c", "exit 3").code, 3)
        self.assertEqual(self.job.ok("exec", "-e", "A=1", "-w", "/tmp", "-u", "65534", "box", "sh", "-c", "echo $A $(pwd) $(id -u)"), "1 /tmp 65534")

    def test_exec_on_a_terminal(self):
        terminal = Terminal([self.job.docker.cli, "exec", "-it", "box", "sh"], self.job.docker.env(TERM="xterm"))
        terminal.expect("# ")
        terminal.write("tty && exit 4\n")
        terminal.expect("/dev/pts/0")
        self.assertEqual(terminal.wait(), 4)

    def test_exec_detached(self):
        self.job.ok("exec", "-d", "box", "sh", "-c", "echo done >/tmp/mark")
        wait_for(lambda: self.job.docker("exec", "box", "cat", "/tmp/mark").out == "done\n", what="the detached exec")

    def test_stop_start_and_restart(self):
        self.job.ok("stop", "-t", "1", "box")
        self.assertEqual(self.state(), "exited")
        self.job.ok("start", "box")
        self.assertEqual(self.state(), "running")
        before = self.job.ok("inspect", "-f", "{{.State.StartedAt}}", "box")
        self.job.ok("restart", "-t", "0", "box")
        self.assertNotEqual(self.job.ok("inspect", "-f", "{{.State.StartedAt}}", "box"), before)

    def test_kill_sends_the_signal_that_is_asked_for(self):
        self.job.ok("run", "-d", "--name", "renamed", self.job.image, "sh", "-c", "trap 'exit 6' USR1; touch /ready; while :; do sleep 0.1; done")
        wait_for(lambda: self.job.docker("exec", "renamed", "test", "-e", "/ready").code == 0, what="the trap")
        self.job.ok("kill", "-s", "USR1", "renamed")
        self.assertEqual(self.job.ok("wait", "renamed"), "6")

    def test_wait_answers_when_the_container_ends(self):
        waiting = self.job.docker.start("wait", "box")
        time.sleep(0.5)  # it would have ended by then
        self.assertIsNone(waiting.poll())
        self.job.ok("kill", "box")
        out, _ = waiting.communicate(timeout=20)
        self.assertEqual(out, b"137\n")

    def test_pause_and_unpause(self):
        self.job.ok("pause", "box")
        self.assertEqual(self.state(), "paused")
        self.job.ok("unpause", "box")
        self.assertEqual(self.state(), "running")

    def test_a_renamed_container_is_known_and_found_by_its_new_name(self):
        self.job.ok("network", "create", "renames")
        try:
            self.job.ok("network", "connect", "renames", "box")
            self.job.ok("rename", "box", "renamed")
            self.assertEqual(self.job.ok("ps", "--format", "{{.Names}}"), "renamed")
            self.assertEqual(self.job.ok("inspect", "-f", "{{.Name}}", "renamed"), "/renamed")
            self.refused(self.job.docker("inspect", "--type", "container", "box"), "no such container")
            out = self.job.ok("run", "--rm", "--network", "renames", self.job.image, "ping", "-c", "1", "-W", "5", "renamed")
            self.assertIn("1 packets received", out)
        finally:
            self.job.docker("rm", "-f", "box", "renamed")
            self.job.ok("network", "rm", "renames")

    def test_update_changes_the_limits(self):
        self.job.ok("update", "--memory", "64m", "--memory-swap", "128m", "box")
        self.assertEqual(self.job.ok("inspect", "-f", "{{.HostConfig.Memory}}", "box"), str(64 << 20))

    def test_top_stats_and_port(self):
        self.assertIn("sleep 1000", self.job.ok("top", "box"))
        stats = json.loads(self.job.ok("stats", "--no-stream", "--format", "{{json .}}", "box"))
        self.assertEqual(stats["Name"], "box")
        self.assertRegex(stats["MemUsage"], r"\d")
        self.assertEqual(self.job.ok("port", "box"), "")

    def test_diff_and_export(self):
        self.job.ok("exec", "box", "touch", "/srv/new")
        self.assertIn("A /srv/new", self.job.ok("diff", "box"))
        with tarfile.open(fileobj=io.BytesIO(self.job.ok("export", "box", text=False))) as archive:
            self.assertIn("srv/new", archive.getnames())

    def test_removal_of_a_running_container_needs_force(self):
        self.refused(self.job.docker("rm", "box"), "running", code=1)
        self.job.ok("rm", "-f", "box")
        self.refused(self.job.docker("start", "box"), "no such container: box", code=1)

    def test_inspect_shows_no_real_name(self):
        text = self.job.ok("inspect", "box")
        self.assert_private(text)
        facts = json.loads(text)[0]
        self.assertEqual(facts["Name"], "/box")
        self.assertEqual(facts["Config"]["Image"], self.job.image)
        self.assertFalse([label for label in facts["Config"]["Labels"] or {} if label.startswith("berth.")])


class Copy(EngineCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.job.do("run", "-d", "--name", "box", cls.job.image, "sleep", "1000")
        cls.folder = cls.engine.folder / "copy"
        cls.folder.mkdir()

    def test_a_file_goes_in_and_comes_out(self):
        (self.folder / "in").write_text("text\n")
        self.job.ok("cp", self.folder / "in", "box:/srv/file")
        self.job.ok("cp", "box:/srv/file", self.folder / "out")
        self.assertEqual((self.folder / "out").read_text(), "text\n")

    def test_a_folder_goes_in_and_comes_out(self):
        source = self.folder / "tree/deep"
        source.mkdir(parents=True, exist_ok=True)
        (source / "leaf").write_text("leaf")
        self.job.ok("cp", self.folder / "tree", "box:/srv/tree")
        self.assertEqual(self.job.ok("exec", "box", "cat", "/srv/tree/deep/leaf"), "leaf")
        self.job.ok("cp", "box:/srv/tree", self.folder / "back")
        self.assertEqual((self.folder / "back/deep/leaf").read_text(), "leaf")

    def test_a_tar_goes_in_by_stdin_and_comes_out_by_stdout(self):
        self.job.ok("cp", "-", "box:/srv", input=tar_of({"by-stdin": "abc"}), text=False)
        self.assertEqual(self.job.ok("exec", "box", "cat", "/srv/by-stdin"), "abc")
        with tarfile.open(fileobj=io.BytesIO(self.job.ok("cp", "box:/srv/by-stdin", "-", text=False))) as archive:
            self.assertEqual(archive.extractfile("by-stdin").read(), b"abc")

    def test_a_path_that_is_not_there_is_said_to_be_absent(self):
        self.refused(self.job.docker("cp", "box:/no/such", self.folder / "x"), "/no/such", code=1)


class Logs(EngineCase):
    def test_logs_of_an_ended_container(self):
        self.job.ok("run", "--name", "said", self.job.image, "sh", "-c", "for i in 1 2 3; do echo line $i; done; echo err >&2")
        result = self.job.docker("logs", "said")
        self.assertEqual((result.out, result.err), ("line 1\nline 2\nline 3\n", "err\n"))
        self.assertEqual(self.job.docker("logs", "--tail", "2", "said").out.splitlines()[-1], "line 3")
        self.assertRegex(self.job.docker("logs", "-t", "--tail", "1", "said").out + self.job.docker("logs", "-t", "said").out, r"^\d{4}-\d\d-\d\dT")
        self.job.ok("rm", "said")

    def test_following_logs_ends_with_the_container(self):
        self.job.ok("run", "-d", "--name", "talks", self.job.image, "sh", "-c", "for i in 1 2 3 4; do echo $i; sleep 0.3; done")
        self.assertEqual(self.job.ok("logs", "-f", "talks", timeout=20).split(), ["1", "2", "3", "4"])
        self.job.ok("rm", "talks")

    def test_following_logs_shows_lines_as_they_come(self):
        self.job.ok("run", "-d", "--name", "live", self.job.image, "sh", "-c", "while :; do echo tick; sleep 0.2; done")
        client = self.job.docker.start("logs", "-f", "live")
        for _ in range(4):
            self.assertEqual(client.stdout.readline(), b"tick\n")
        client.terminate()
        client.communicate(timeout=10)
        self.job.ok("rm", "-f", "live")


class Supervision(EngineCase):
    def test_a_healthcheck_makes_the_container_healthy(self):
        self.job.ok("run", "-d", "--name", "well", "--health-cmd", "true", "--health-interval", "1s", self.job.image, "sleep", "1000")
        wait_for(lambda: self.job.ok("inspect", "-f", "{{.State.Health.Status}}", "well") == "healthy", 30, "health")
        self.assertEqual(self.job.ok("ps", "-q", "--no-trunc", "--filter", "health=healthy"), self.job.ok("inspect", "-f", "{{.Id}}", "well"))
        self.job.ok("rm", "-f", "well")

    def test_a_restart_policy_restarts(self):
        for policy in ("always", "unless-stopped", "on-failure:3"):
            with self.subTest(policy):
                self.job.ok("run", "-d", "--name", "again", "--restart", policy, self.job.image, "false")
                wait_for(lambda: int(self.job.ok("inspect", "-f", "{{.RestartCount}}", "again")) >= 2, 30, "the second restart")
                self.job.ok("rm", "-f", "again")

    def test_prune_of_containers(self):
        self.job.ok("create", "--name", "idle", self.job.image)
        self.job.ok("run", "-d", "--name", "busy", self.job.image, "sleep", "1000")
        self.job.ok("container", "prune", "-f")
        self.assertEqual(self.job.ok("ps", "-a", "--format", "{{.Names}}"), "busy")
        self.job.ok("rm", "-f", "busy")
