"""The service on a machine with a real systemd: its units, and what they promise."""

import json
import os
import tempfile
import threading
from pathlib import Path

import attacks
from harness import BINARY
from installed import MachineCase, package
from job import Job
from tools import Api, run, running, wait_for

ENGINES = ("newest",)

# Knows one name.
NAME_SERVER = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.53", 53))
while True:
    question, client = server.recvfrom(4096)
    end = question.index(0, 12) + 5
    known = b"inside" in question and question[end - 4:end - 2] == bytes([0, 1])
    answer = bytes([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]) if known else b""
    server.sendto(question[:2] + bytes([0x81, 0x80, 0, 1, 0, known, 0, 0, 0, 0]) + question[12:end] + answer, client)
"""


class Service(MachineCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.install(package(cls.place))
        # Doors and pins are where the engine sees them.
        cls.settle(f'runtime_dir = "{cls.machine.shared}/run"\nstate_dir = "{cls.machine.shared}/state"\ngroup = "berth"\n')

    @classmethod
    def tearDownClass(cls):
        cls.machine.ok("berth", "job", "close", "--all", timeout=180)
        super().tearDownClass()

    @classmethod
    def settle(cls, settings):
        cls.machine.write("/etc/berth/berth.toml", settings)
        cls.machine.ok("systemctl", "restart", "berth.service")
        cls.serving()

    # `berth ARGS` in the machine, as harness.Berth has it on this one.
    def ok(self, *args, **options):
        return self.machine.ok("berth", *args, **options)

    def cli(self, *args, **options):
        return self.machine.inside("berth", *args, **options)

    def job_with_a_box(self, *args):
        """A job with a container that has its door mounted as a file."""
        job = Job(self, json.loads(self.ok("job", "open", *args, "--json")))
        job.load_busybox()
        job.ok("run", "-d", "--name", "box", "-v", "/var/run/docker.sock:/var/run/docker.sock", job.image, "sleep", "100000")
        return job

    def mounted(self, job):
        """The door's file, mounted elsewhere as the engine mounts it into a container: only the inode counts then."""
        there = self.place / f"mounted-{job.id}.sock"
        there.touch()
        self.assertEqual(run(["mount", "--bind", job.door, there]).code, 0)
        self.addCleanup(run, ["umount", "-l", there])
        return Api(there)

    def inode_inside(self, job):
        return job.ok("exec", "box", "stat", "-c", "%i", "/var/run/docker.sock")

    def test_it_runs_as_the_unit_says(self):
        pid = self.serving()
        status = self.machine.ok("cat", f"/proc/{pid}/status")
        self.assertRegex(status, r"NoNewPrivs:\s1\n")
        self.assertRegex(status, r"Seccomp:\s2\n")
        self.assertEqual(self.machine.ok("readlink", f"/proc/{pid}/ns/mnt"), self.machine.ok("readlink", "/proc/1/ns/mnt"), "the engine sees its mounts")
        report = json.loads(self.cli("doctor", "--json").out)
        self.assertEqual([each for each in report["findings"] if each["status"] == "fail" or each["check"] in ("daemon", "paths", "isolation") and each["status"] != "ok"], [])

    @attacks.shows("V-58", "refused by what name servers say, which berth-names.socket asks")
    def test_names_are_looked_up_behind_a_socket(self):
        self.machine.write("/etc/resolv.conf", "nameserver 127.0.0.53\n")
        job = Job(self, json.loads(self.ok("job", "open", "--json")))
        with running(self.engine.namespace, NAME_SERVER):
            wait_for(lambda: "127.0.0.53:53" in self.engine.inside("ss", "-Hlun").out, 10, "the name server")
            status, text = job.api.call("POST", "/images/create?fromImage=inside.test%3A7099%2Fx&tag=1")
            self.assertEqual(status, 403, text)
            self.assertIn('refused by rule "images.registries_local"', text["message"])
            status, text = job.api.call("POST", "/images/create?fromImage=outside.test%3A7099%2Fx&tag=1")
            self.assertNotIn("berth", str(text), "nobody knows it: the engine is asked")
        self.assertEqual(self.machine.state("berth-names.socket"), "active")
        self.machine.ok("systemctl", "stop", "berth-names.socket")
        status, text = job.api.call("POST", "/images/create?fromImage=later.test%3A7099%2Fx&tag=1")
        self.assertEqual(status, 503, text)
        self.assertIn("cannot be learnt now", text["message"])
        self.machine.ok("systemctl", "start", "berth-names.socket")
        self.ok("job", "close", job.id, timeout=120)

    def test_a_job_does_all_that_takes_capabilities(self):
        workspace = Path(tempfile.mkdtemp(dir=self.place))
        os.chown(workspace, 4321, 4321)
        (workspace / "theirs").mkdir(mode=0o700)
        os.chown(workspace / "theirs", 1234, 1234)
        (workspace / "theirs/file").write_text("seen")
        os.chown(workspace / "theirs/file", 1234, 1234)
        job = self.job_with_a_box("--workspace", workspace)
        self.assertEqual(job.ok("run", "--rm", "-v", f"{workspace}/theirs:/in", job.image, "cat", "/in/file"), "seen")
        job.ok("run", "--rm", "-v", f"{workspace}/theirs/new/deep:/in", job.image, "touch", "/in/made")
        job.ok("run", "--rm", "-v", f"{workspace}/own:/in", job.image, "true")
        self.assertEqual(os.stat(workspace / "own").st_uid, 4321, "as the one who owns the workspace")
        made = os.stat(workspace / "theirs/new/deep")
        self.assertEqual((made.st_mode & 0o777, (workspace / "theirs/new/deep/made").exists()), (0o755, True))
        job.ok("network", "create", "net")
        self.assertTrue(job.show()["isolation"]["enforced"], job.show())
        self.assertEqual(json.loads(self.ok("job", "close", job.id, "--json", timeout=120))["clean"], True)

    def survives(self, end, restarts):
        """A job's mounted door after `end` of its daemon: the same socket, and who asks meanwhile waits."""
        job = self.job_with_a_box()
        inode, pid, mounted = self.inode_inside(job), self.serving(), self.mounted(job)
        answers = []
        end(pid)
        waiting = threading.Thread(target=lambda: answers.append(self.machine.inside("curl", "-s", "--max-time", "80", "--unix-socket", job.door, "http://docker/_ping", timeout=90)))
        waiting.start()
        wait_for(lambda: self.machine.property("berth.service", "MainPID") not in ("0", str(pid)), 60, "another process")
        self.serving()
        waiting.join(90)
        self.assertEqual(answers[0].out, "OK", answers)
        self.assertEqual((self.inode_inside(job), str(os.stat(job.door).st_ino)), (inode, inode))
        self.assertTrue(mounted.answers())
        self.assertEqual(self.machine.property("berth.service", "NRestarts") != "0", restarts)
        self.ok("job", "close", job.id, timeout=120)

    def killed(self, number):
        return lambda pid: self.machine.ok("kill", f"-{number}", str(pid))

    def test_a_restart_keeps_a_running_jobs_socket(self):
        self.survives(lambda _: self.machine.ok("systemctl", "restart", "berth.service"), restarts=False)

    def test_a_killed_daemon_comes_back_with_its_doors(self):
        self.machine.ok("systemctl", "reset-failed", "berth.service")
        self.survives(self.killed(9), restarts=True)

    def test_the_watchdog_ends_a_daemon_that_hangs(self):
        self.machine.write("/run/systemd/system/berth.service.d/fast.conf", "[Service]\nWatchdogSec=5\n")
        self.addCleanup(self.machine.ok, "systemctl", "daemon-reload")
        self.addCleanup(self.machine.ok, "rm", "/run/systemd/system/berth.service.d/fast.conf")
        self.machine.ok("systemctl", "daemon-reload")
        self.machine.ok("systemctl", "restart", "berth.service")
        self.serving()
        self.survives(self.killed("STOP"), restarts=True)
        self.assertIn("Watchdog timeout", self.machine.journal())

    def test_the_socket_starts_the_daemon(self):
        inode = self.machine.ok("stat", "-c", "%i", "/run/berth/admin.sock")
        self.machine.ok("systemctl", "stop", "berth.service")
        self.assertEqual(self.machine.state("berth.service"), "inactive")
        self.assertIn("berth", self.ok("status"))
        self.serving()
        self.assertEqual(self.machine.ok("stat", "-c", "%i", "/run/berth/admin.sock"), inode)

    def test_a_reload_takes_the_rules_that_are_there_now(self):
        rules = self.place / "rules.toml"
        rules.write_text('[profile.early]\nextends = "default"\n')
        settings = self.machine.ok("cat", "/etc/berth/berth.toml") + "\n"
        self.addCleanup(self.settle, settings)
        self.settle(settings + f'rules = "{rules}"\n')
        rules.write_text('[profile.late]\nextends = "default"\n')
        self.machine.ok("systemctl", "reload", "berth.service")
        wait_for(lambda: self.cli("job", "open", "late", "--profile", "late").code == 0, 30, "the new rules")
        self.ok("job", "close", "late", timeout=120)

    def test_the_timer_runs_the_cleanup(self):
        def runs():
            return self.machine.property("berth-cleanup.service", "ExecMainExitTimestampMonotonic")
        before = runs()
        self.machine.write("/run/systemd/system/berth-cleanup.timer.d/soon.conf", "[Timer]\nOnActiveSec=1s\nRandomizedDelaySec=0\nAccuracySec=100ms\n")
        self.addCleanup(self.machine.ok, "systemctl", "daemon-reload")
        self.addCleanup(self.machine.ok, "rm", "/run/systemd/system/berth-cleanup.timer.d/soon.conf")
        self.machine.ok("systemctl", "daemon-reload")
        self.machine.ok("systemctl", "restart", "berth-cleanup.timer")
        wait_for(lambda: runs() != before, 60, "a run of the cleanup")
        self.assertEqual(self.machine.property("berth-cleanup.service", "Result"), "success")
        self.assertIn("nothing is left of any job", self.machine.journal("berth-cleanup.service"))

    def test_the_cleanup_works_while_the_daemon_is_down(self):
        job = Job(self, json.loads(self.ok("job", "open", "--ttl", "20s", "--json")))
        job.ok("volume", "create", "left")
        self.machine.ok("systemctl", "stop", "berth.socket", "berth.service")
        self.addCleanup(self.serving)
        self.addCleanup(self.machine.ok, "systemctl", "start", "berth.socket", "berth.service")
        def left():
            return [each["Name"] for each in self.engine.api.get("/volumes")["Volumes"] or [] if job.key in each["Name"]]
        self.assertEqual(len(left()), 1)
        def gone():
            self.machine.ok("systemctl", "start", "berth-cleanup.service", timeout=120)
            return not left()
        wait_for(gone, 90, "the end of the job", pause=2)
        self.assertEqual(self.machine.property("berth-cleanup.service", "Result"), "success")

    def test_the_groups_members_alone_open_jobs(self):
        settings = self.machine.ok("cat", "/etc/berth/berth.toml") + "\n"
        self.addCleanup(self.settle, settings)
        self.settle(settings.replace("runtime_dir", "# runtime_dir"))  # in /run/berth, beside the socket
        group = self.machine.ok("getent", "group", "berth").split(":")[2]
        def opened(name, gid):
            return self.machine.inside("setpriv", "--reuid", "65534", "--regid", gid, "--clear-groups", "berth", "job", "open", name)
        refused = opened("stranger", "65534")
        self.assertNotEqual(refused.code, 0)
        self.assertIn("Permission denied", refused.err)
        door = opened("member", group)
        self.assertEqual(door.code, 0, door.err)
        ask = ["setpriv", "--reuid", "65534", "--regid", group, "--clear-groups", "curl", "-s", "--unix-socket", door.out.strip().removeprefix("unix://"), "http://docker/_ping"]
        self.assertEqual(self.machine.ok(*ask), "OK")
        ask[4] = "65534"
        self.assertNotEqual(self.machine.inside(*ask).code, 0)
        self.ok("job", "close", "member", timeout=120)

    def test_with_mounts_of_its_own_where_the_engine_needs_none_of_berths(self):
        if [int(part) for part in self.engine.api.get("/version")["ApiVersion"].split(".")] < [1, 45]:
            self.skipTest("this engine must see berth's mounts")
        drop_in = "/etc/systemd/system/berth.service.d/own-mounts.conf"
        text = (BINARY.parents[2] / "systemd/own-mounts.conf").read_text() + f"ReadWritePaths={self.machine.shared}\n"
        self.machine.write(drop_in, text)
        self.addCleanup(self.serving)
        self.addCleanup(self.machine.ok, "systemctl", "restart", "berth.service")
        self.addCleanup(self.machine.ok, "systemctl", "daemon-reload")
        self.addCleanup(self.machine.ok, "rm", drop_in)
        self.machine.ok("systemctl", "daemon-reload")
        self.machine.ok("systemctl", "restart", "berth.service")
        pid = self.serving()
        self.assertNotEqual(self.machine.ok("readlink", f"/proc/{pid}/ns/mnt"), self.machine.ok("readlink", "/proc/1/ns/mnt"))
        self.test_a_job_does_all_that_takes_capabilities()
