"""berth under a service manager: what it is told, sockets that are passed, and doors that outlive the daemon."""

import json
import os
import shutil
import socket
import threading
from pathlib import Path

import attacks
from harness import BINARY, Berth, EngineCase
from supervisor import Supervisor
from tools import wait_for

ENGINES = ("trixie",)


class SupervisedCase(EngineCase):
    jobs_wanted = ()

    def setUp(self):
        self.sup = None
        self.daemon = Berth(self.engine)
        self.sup = Supervisor(self.daemon.folder)
        self.daemon.supervisor = self.sup
        self.addCleanup(self.end)

    def end(self):
        if self.daemon.process and self.daemon.process.poll() is None:
            for facts in json.loads(self.daemon.ok("job", "list", "--json")):
                self.daemon.cli("job", "close", facts["id"], timeout=120)
            self.daemon.stop()
        self.sup.end()

    def open_one(self, *args):
        """A job of the daemon, with its key in the supervisor's store."""
        job = self.daemon.open_job(*args)
        wait_for(lambda: f"door-{job.key}" in self.sup.kept, 10, "the door in the store")
        return job

    def listeners(self, path):
        """How many sockets listen at `path`, deleted or not, here and where berth runs."""
        tables = Path("/proc/net/unix").read_text() + self.engine.inside("cat", "/proc/net/unix").out
        return sum(1 for line in tables.splitlines() if line.split()[-1] == str(path) and line.split()[3] == "00010000")


class Doors(SupervisedCase):
    def ping(self, path, answers):
        """A request at `path` whose answer may be late."""
        def ask():
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(40)
            client.connect(str(path))
            client.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answers.append(client.recv(65536))
            client.close()
        thread = threading.Thread(target=ask)
        thread.start()
        return thread

    def mounted(self, job):
        """The door as a container has it: its file, mounted elsewhere. Only the inode counts then."""
        there = self.daemon.folder / f"mounted-{job.id}.sock"
        there.touch()
        assert os.system(f"mount --bind {job.door} {there}") == 0
        self.addCleanup(os.system, f"umount -l {there}")
        return there

    def restarted(self, stop):
        """The door's file stays, requests made in between wait, and are answered by the next process."""
        self.daemon.start()
        job = self.open_one()
        job.load_busybox()
        job.do("run", "-d", "--name", "box", "-v", "/var/run/docker.sock:/var/run/docker.sock", job.image, "sleep", "1000")
        inside = job.do("exec", "box", "stat", "-c", "%i", "/var/run/docker.sock")
        mounted = self.mounted(job)
        before = os.stat(job.door).st_ino
        for turn in range(3):
            mark = len(self.sup.messages)
            stop()
            answers = []
            waiting = [self.ping(path, answers) for path in (mounted, job.door)]
            self.daemon.start()
            for each in waiting:
                each.join(40)
            self.assertEqual([each.split(b"\r\n")[0] for each in answers], [b"HTTP/1.1 200 OK"] * 2, f"turn {turn}")
            self.assertEqual(os.stat(job.door).st_ino, before)
            self.assertEqual(job.do("exec", "box", "stat", "-c", "%i", "/var/run/docker.sock"), inside)
            self.assertFalse(self.sup.said("FDSTORE", "1", mark), "the same socket is not given twice")
        self.assertEqual(inside, str(before))
        self.assertEqual(job.close().code, 0)
        wait_for(lambda: not self.sup.kept, 10, "an empty store")
        self.assertEqual(self.listeners(job.door), 0)

    @attacks.shows("K-03", "the same inode")
    def test_a_stop_and_a_start_keep_the_mounted_door(self):
        self.restarted(lambda: self.assertEqual(self.daemon.stop(), 0))

    def test_a_kill_keeps_the_mounted_door(self):
        self.restarted(self.daemon.kill)

    def test_a_jobs_end_lets_nobody_wait_at_its_door(self):
        self.daemon.start()
        job = self.open_one()
        mounted = self.mounted(job)
        self.assertEqual(job.close().code, 0)
        wait_for(lambda: not self.sup.kept, 10, "an empty store")
        with socket.socket(socket.AF_UNIX) as client:
            self.assertRaises(ConnectionRefusedError, client.connect, str(mounted))

    def test_a_door_whose_file_was_deleted_is_a_new_one(self):
        self.daemon.start()
        job, other = self.open_one("gone"), self.open_one("stays")
        self.daemon.kill()
        shutil.rmtree(os.path.dirname(job.door))
        mark = len(self.sup.messages)
        self.daemon.start()
        self.assertTrue(job.api.answers())
        self.assertTrue(other.api.answers())
        self.sup.wait_for("READY", "1", mark)  # what was said before it has been heard
        self.assertEqual(set(self.sup.kept), {f"door-{job.key}", f"door-{other.key}"})
        self.assertEqual([each["FDNAME"] for each in self.sup.messages[mark:] if each.get("FDSTOREREMOVE")], [f"door-{job.key}"])
        self.assertEqual(self.listeners(job.door), 1)

    @attacks.shows("K-03", "not taken for the door")
    def test_a_door_whose_file_is_another_socket_is_a_new_one(self):
        self.daemon.start()
        job = self.open_one()
        self.daemon.kill()
        os.unlink(job.door)
        other = socket.socket(socket.AF_UNIX)
        other.bind(job.door)
        other.listen()
        self.daemon.start()
        other.close()
        self.assertTrue(job.api.answers())
        wait_for(lambda: self.listeners(job.door) == 1, 10, "one listener")

    def test_what_is_kept_of_unknown_jobs_is_closed(self):
        self.daemon.start()
        job = self.open_one()
        self.assertEqual(job.close().code, 0)
        self.assertEqual(self.daemon.stop(), 0)
        old = self.daemon.folder / "old.sock"
        self.sup.listens("listening", old)
        self.sup.kept["door-" + "a" * 26] = self.sup.extra.pop("listening")
        self.daemon.start()
        wait_for(lambda: not self.sup.kept, 10, "an empty store")
        self.assertEqual(self.listeners(old), 0)

    def test_a_job_that_ended_meanwhile_gets_no_door(self):
        self.daemon.start()
        job = self.open_one("late", "--ttl", "2s")
        self.daemon.kill()
        kept = dict(self.sup.kept)
        self.assertTrue(kept)
        self.daemon.start()
        wait_for(lambda: not self.sup.kept and not os.path.exists(job.door), 30, "the end of the job")
        self.assertEqual(self.listeners(job.door), 0)


class Told(SupervisedCase):
    def argv(self, engine):
        return [BINARY, "serve", "--engine", f"unix://{engine}", "--state-dir", self.daemon.folder / "state", "--runtime-dir", self.daemon.folder / "run"]

    def test_ready_comes_with_the_first_answer_and_stopping_before_the_end(self):
        self.daemon.start()
        self.sup.wait_for("READY", "1")
        ready = [each for each in self.sup.messages if each.get("READY")]
        self.assertEqual(len(ready), 1)
        self.assertIn(self.engine.version(), ready[0]["STATUS"])
        self.assertEqual(self.daemon.stop(), 0)
        self.sup.wait_for("STOPPING", "1")

    def test_the_start_does_not_wait_for_the_engine(self):
        process = self.sup.start(self.argv(self.daemon.folder / "none.sock"), dict(os.environ), log=self.daemon.log)
        self.sup.wait_for("READY", "1")
        self.assertIn("waiting for the engine", self.sup.messages[-1]["STATUS"])
        process.terminate()
        self.assertEqual(process.wait(), 0)

    def test_the_watchdog_is_fed_while_berth_lives(self):
        process = self.sup.start(self.argv(self.engine.socket), dict(os.environ), watchdog=0.4, log=self.daemon.log)
        wait_for(lambda: sum(1 for each in self.sup.messages if each.get("WATCHDOG")) > 5, 20, "six pings")
        os.kill(process.pid, 19)  # SIGSTOP
        wait_for(lambda: open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()[0] == "T", 10, "the stop")
        count = len(self.sup.messages)
        os.kill(process.pid, 18)
        wait_for(lambda: len(self.sup.messages) > count, 20, "a ping after the pause")
        process.terminate()
        self.assertEqual(process.wait(), 0)

    def test_the_administration_socket_can_be_passed(self):
        (self.daemon.folder / "run").mkdir(mode=0o700)
        self.sup.listens("admin", self.daemon.admin)
        answers = []
        early = threading.Thread(target=lambda: answers.append(self.daemon.cli("status")))
        early.start()  # before the daemon is there
        self.daemon.start()
        early.join(40)
        self.assertEqual(answers[0].code, 0, answers[0].err)
        inode = os.stat(self.daemon.admin).st_ino
        self.assertEqual(self.daemon.stop(), 0)
        self.assertEqual(os.stat(self.daemon.admin).st_ino, inode, "the socket is the supervisor's")
        self.daemon.start()
        self.assertEqual(os.stat(self.daemon.admin).st_ino, inode)
