"""`docker run` through a door: streams, terminals, exit codes, settings."""

import signal
import subprocess

from harness import EngineCase
from tools import Terminal, wait_for

ENGINES = ("newest",)


class Run(EngineCase):
    def test_run_shows_the_output_and_removes_the_container(self):
        self.assertEqual(self.job.ok("run", "--rm", self.job.image, "echo", "hi"), "hi")
        self.assertEqual(self.job.ok("ps", "-aq"), "")

    def test_stdout_and_stderr_stay_apart(self):
        result = self.job.docker("run", "--rm", self.job.image, "sh", "-c", "echo out; echo err >&2")
        self.assertEqual((result.out, result.err, result.code), ("out\n", "err\n", 0))

    def test_run_passes_stdin_to_its_end(self):
        self.assertEqual(self.job.ok("run", "-i", "--rm", self.job.image, "cat", input="x\n"), "x")

    def test_a_megabyte_through_stdin_and_stdout_arrives_whole(self):
        data = bytes(range(256)) * 4096
        self.assertEqual(self.job.ok("run", "-i", "--rm", self.job.image, "cat", input=data, text=False), data)

    def test_the_exit_code_is_the_containers(self):
        for command, code in (("exit 7", 7), ("exit 0", 0), ("no-such-program", 127)):
            with self.subTest(command):
                self.assertEqual(self.job.docker("run", "--rm", self.job.image, "sh", "-c", command).code, code)

    def test_a_command_that_is_not_there_is_127(self):
        self.assertEqual(self.job.docker("run", "--rm", self.job.image, "no-such-program").code, 127)

    def test_killing_a_run_ends_it_with_137(self):
        client = self.job.docker.start("run", "--name", "victim", self.job.image, "sleep", "100")
        wait_for(lambda: self.job.docker("inspect", "-f", "{{.State.Running}}", "victim").out.strip() == "true", what="the start")
        self.job.ok("kill", "victim")
        client.communicate(timeout=20)
        self.assertEqual(client.returncode, 137)
        self.job.ok("rm", "victim")

    def test_ctrl_c_at_a_run_reaches_the_container(self):
        client = self.job.docker.start("run", "--rm", self.job.image, "sh", "-c", "trap 'exit 5' INT; echo up; while :; do sleep 0.1; done")
        self.assertEqual(client.stdout.readline(), b"up\n")
        client.send_signal(signal.SIGINT)
        client.communicate(timeout=20)
        self.assertEqual(client.returncode, 5)

    def test_a_terminal_has_a_tty_a_size_and_an_exit_code(self):
        terminal = Terminal([self.job.docker.cli, "run", "-it", "--rm", self.job.image, "sh"], self.job.docker.env(TERM="xterm"))
        terminal.expect("# ")
        terminal.write("tty; echo typed $((6*7)); stty size\n")
        terminal.expect("/dev/pts/0")
        terminal.expect("typed 42")
        terminal.expect("24 80")
        terminal.write("exit 9\n")
        self.assertEqual(terminal.wait(), 9)

    def test_the_end_of_an_attached_stdin_ends_the_container(self):
        self.job.ok("create", "-i", "--name", "later", self.job.image, "cat")
        client = self.job.docker.start("start", "-ai", "later", stdin=subprocess.PIPE)
        client.stdin.write(b"to the cat\n")
        self.assertEqual(client.stdout.readline(), b"to the cat\n")
        client.stdin.close()
        self.assertEqual(client.wait(20), 0)
        self.job.ok("rm", "later")

    def test_attach_to_what_was_started_detached(self):
        self.job.ok("run", "-di", "--name", "open", self.job.image, "cat")
        client = self.job.docker.start("attach", "open", stdin=subprocess.PIPE)
        client.stdin.write(b"to the cat\n")
        self.assertEqual(client.stdout.readline(), b"to the cat\n")
        self.job.ok("kill", "open")
        client.communicate(timeout=20)
        self.assertEqual(client.returncode, 137)
        self.job.ok("rm", "open")

    def test_settings_reach_the_container(self):
        together = (  # in one container
            (("-e", "A=b c"), "echo $A", "b c"),
            (("-w", "/srv"), "pwd", "/srv"),
            (("--hostname", "box"), "hostname", "box"),
            (("--tmpfs", "/scratch"), "mount | grep -c ' /scratch type tmpfs'", "1"),
            (("--add-host", "there:10.1.2.3"), "grep there /etc/hosts | cut -f1", "10.1.2.3"),
            (("-m", "64m"), "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; true", "67108864"),
            (("--ulimit", "nofile=1000:1000"), "ulimit -n", "1000"),
            (("-l", "team=red"), "echo labelled", "labelled"),
        )
        script = "; ".join(f"echo '{number}:' $({command})" for number, (_, command, _) in enumerate(together))
        out = self.job.ok("run", "--rm", *(flag for flags, *_ in together for flag in flags), self.job.image, "sh", "-c", script)
        self.assertEqual(out.splitlines(), [f"{number}: {expected}" for number, (*_, expected) in enumerate(together)])
        alone = (
            (("-u", "1000:1000"), "id -u", "1000"),
            (("--read-only",), "touch /x 2>/dev/null || echo refused", "refused"),
            (("--entrypoint", "echo"), "", "-c"),
            (("--init",), "ps | grep -c -e docker-init -e '/sbin/tini'", None),
            (("--cap-drop", "ALL"), "grep CapEff /proc/self/status | cut -f2", "0" * 16),
            (("--dns", "10.9.8.7", "--network", "none"), "echo ok", "ok"),
        )
        for flags, command, expected in alone:
            with self.subTest(" ".join(flags)):
                out = self.job.ok("run", "--rm", *flags, self.job.image, *(("sh",) if "--entrypoint" not in flags else ()), "-c", command)
                if expected is not None:
                    self.assertIn(expected, out)

    def test_create_then_start_attached(self):
        identity = self.job.ok("create", "--name", "made", self.job.image, "sh", "-c", "echo started")
        self.assertRegex(identity, "^[0-9a-f]{64}$")
        self.assertEqual(self.job.ok("start", "-a", "made"), "started")
        self.job.ok("rm", "made")

    def test_the_hostname_is_the_short_id(self):
        identity = self.job.ok("run", "-d", self.job.image, "hostname")
        self.job.ok("wait", identity)
        self.assertEqual(self.job.ok("logs", identity), identity[:12])
        self.job.ok("rm", identity[:12])

    def test_a_name_that_is_taken_is_a_conflict_with_the_virtual_name(self):
        self.job.ok("create", "--name", "once", self.job.image)
        self.refused(self.job.docker("create", "--name", "once", self.job.image), "conflict", "/once", code=1)
        self.job.ok("rm", "once")
