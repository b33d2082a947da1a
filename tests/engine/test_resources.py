"""What berth does when it cannot have what it needs: disk, the ledger, descriptors, memory. New work is refused, jobs are still ended."""

import json
import os
import socket
import sqlite3

from harness import Berth, EngineCase
from tools import run, wait_for

ENGINES = ("trixie",)


class Resources(EngineCase):
    jobs_wanted = ()

    def setUp(self):
        self.at_start = self.engine.snapshot()
        self.own = Berth(self.engine)
        self.addCleanup(self.end)

    def end(self):
        process = self.own.process
        if process and process.poll() is None:
            for job in json.loads(self.own.ok("job", "list", "--json")):
                self.own.cli("job", "close", job["id"], timeout=120)
            self.own.stop()

    def net(self, *command):
        return [*command, "nsenter", f"--net=/run/netns/{self.engine.namespace}"]

    def busy_job(self):
        """An open job with something of each kind."""
        job = self.own.open_job()
        job.load_busybox()
        job.do("run", "-d", "--name", "box", "-v", "data:/v", job.image, "sleep", "1000")
        return job

    def assert_gone(self):
        wait_for(lambda: self.difference(self.at_start) == "", 40, "everything to be gone")

    def status(self):
        return json.loads(self.own.ok("status", "--json"))

    def open_until_refused(self):
        """What the ledger's files have room for already may still be written. The error of the first job that was not opened."""
        for _ in range(500):
            result = self.own.cli("job", "open")
            if result.code != 0:
                return result.err
        raise AssertionError("jobs are opened without end")

    def test_the_disk_is_full(self):
        state = self.own.folder / "state"
        state.mkdir()
        self.assertEqual(run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", state]).code, 0)
        self.addCleanup(run, ["umount", "-l", state])
        self.own.start()
        job = self.busy_job()
        with open(state / "ballast", "wb", buffering=0) as ballast:
            try:
                while ballast.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        self.assertIn("the job cannot be opened", self.open_until_refused())
        self.refused(job.docker("volume", "create", "another"), "the ledger cannot be written")
        self.assertIn("full", self.status()["ledger"])
        # It ends all the same, and all of it goes.
        result = job.close()
        self.assertNotEqual(result.code, 0)
        self.assertIn("the ledger cannot be written", result.out)
        self.assertEqual([each for each in self.engine.snapshot()["containers"] if job.key in each], [])
        (state / "ballast").unlink()
        for each in json.loads(self.own.ok("job", "list", "--json")):
            self.assertEqual(self.own.cli("job", "close", each["id"], timeout=120).code, 0)
        self.assert_gone()
        self.own.ok("job", "open", "again")
        self.assertEqual(self.status()["ledger"], "")

    def test_the_ledger_is_locked(self):
        self.own.start()
        job = self.busy_job()
        other = sqlite3.connect(self.own.folder / "state/berth.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            self.assertIn("locked", self.own.cli("job", "open").err)
            self.refused(job.docker("volume", "create", "another"), "the ledger cannot be written")
            result = job.close()
            self.assertNotEqual(result.code, 0)
            self.assertEqual([each for each in self.engine.snapshot()["containers"] if job.key in each], [])
        finally:
            other.execute("ROLLBACK")
            other.close()
        # By itself, a while later.
        wait_for(lambda: json.loads(self.own.ok("job", "list", "--json")) == [], 60, "the job's end to be recorded")
        self.assert_gone()
        self.own.ok("job", "open", "again")

    def test_another_berth_has_the_ledger(self):
        self.own.start()
        second = Berth(self.engine)
        second.folder = self.own.folder
        with self.assertRaisesRegex(AssertionError, "in use by another berth"):
            second.cli = lambda *_: run(["false"])
            second.start()
        self.own.ok("status")

    def damage(self, offset):
        file = self.own.folder / "state/berth.db"
        with open(file, "r+b") as ledger:
            ledger.seek(offset)
            ledger.write(os.urandom(max(0, file.stat().st_size - offset)))
        return file

    def test_the_ledger_is_damaged(self):
        for offset in (0, 4096):
            with self.subTest(offset=offset):
                self.own = Berth(self.engine)
                self.own.start()
                self.busy_job()
                self.own.stop()
                file = self.damage(offset)
                content = file.read_bytes()
                self.own.start()
                self.assert_gone()  # by the names on the engine
                for text in ("damaged", "move berth.db", "berth cleanup --orphans"):
                    self.assertIn(text, self.own.cli("job", "open").err)
                wait_for(lambda: json.loads(self.own.ok("job", "list", "--json")) == [], 30, "the job to be closed")
                self.assertIn("ledger", self.own.ok("status"))
                self.assertEqual(file.read_bytes(), content, "it is left as it was")
                self.own.stop()
                file.rename(file.with_name("kept"))
                self.own.start()
                self.assertEqual(self.own.open_job().close().code, 0)
                self.own.stop()

    def test_the_ledger_is_damaged_while_berth_runs(self):
        self.own.start()
        job = self.busy_job()
        for file in self.own.folder.glob("state/berth.db*"):
            if file.suffix in (".db", ".db-wal"):
                with open(file, "r+b") as each:
                    each.write(os.urandom(file.stat().st_size))
        job.close()
        self.assertEqual([each for each in self.engine.snapshot()["containers"] if job.key in each], [])
        self.own.kill()
        self.own.start()
        self.assert_gone()

    def test_descriptors_are_used_up(self):
        self.own.start(within=self.net("prlimit", "--nofile=128:128"))
        job = self.busy_job()
        held = []
        for _ in range(300):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(job.door)
            held.append(connection)
        wait_for(lambda: "turned away" in self.own.log.read_text(), 20, "connections to be turned away")
        self.assertLessEqual(len(os.listdir(f"/proc/{self.own.process.pid}/fd")), 128)
        self.assertEqual(self.status()["jobs"], 1, "administration has descriptors of its own")
        other = self.own.open_job()
        self.assertEqual(other.close().code, 0)
        for connection in held:
            connection.close()
        wait_for(lambda: job.docker("ps").code == 0, 20, "the job to be served again")
        self.assertEqual(job.close().code, 0)
        self.assert_gone()

    def test_memory_is_used_up(self):
        self.own.start(within=self.net("prlimit", f"--as={400 << 20}"))
        job = self.busy_job()
        held = []
        size = 4 << 20
        for other in [self.own.open_job() for _ in range(60)]:  # of each job one body that never ends: all together more than there is
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(10)
            connection.connect(other.door)
            held.append(connection)
            try:
                connection.sendall(f"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n".encode())
                connection.sendall(b" " * (size - 1))
            except OSError:
                pass  # it was turned away
            if "bad_alloc" in self.own.log.read_text():
                break
        wait_for(lambda: "bad_alloc" in self.own.log.read_text(), 20, "memory to be used up")
        self.assertIsNone(self.own.process.poll(), "berth has ended")
        for connection in held:
            connection.close()
        wait_for(lambda: job.docker("ps").code == 0, 20, "the job to be served again")
        self.own.ok("job", "close", "--all", timeout=120)
        self.assert_gone()
