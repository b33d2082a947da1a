"""berth between a fake engine and raw clients, and the base of the tests that use them."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from client import Client
from fake_engine import FakeEngine
from tools import wait_for

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("BERTH_BINARY") or ROOT / "build/dev/berth")
TICKS = os.sysconf("SC_CLK_TCK")


class Berth:
    """The binary, serving a fake engine, with one open job. `rules`: a rules file's text."""

    def __init__(self, rules=""):
        if not BINARY.exists():
            raise unittest.SkipTest(f"{BINARY} is not built; BERTH_BINARY names another one")
        self.folder = Path(tempfile.mkdtemp(prefix="berth-fake-"))
        self.engine = FakeEngine(self.folder / "engine.sock")
        self.log = self.folder / "log"
        self.admin = self.folder / "run/admin.sock"
        self.jobs = 0
        (self.folder / "rules.toml").write_text(rules)
        self.start()

    def start(self):
        # In a network namespace of its own, with which its rules of the packet filter go, too.
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(["unshare", "--net", BINARY, "serve", "--engine", f"unix://{self.engine.path}", "--state-dir", self.folder / "state",
                                             "--runtime-dir", self.folder / "run", "--rules", self.folder / "rules.toml"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: self.process.poll() is not None or self.admin.exists(), 20, "berth's admin socket")
        assert self.process.poll() is None, f"berth serve exited {self.process.returncode}:\n{self.log_tail()}"

    def log_tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def cli(self, *args):
        return subprocess.run([BINARY, "--admin", self.admin, *args], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)

    def open_job(self):
        """A new job's facts: id, key, door."""
        self.jobs += 1
        made = self.cli("job", "open", f"job{self.jobs}", "--json")
        assert made.returncode == 0, made.stderr
        return json.loads(made.stdout)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def descriptor_list(self):
        """What berth's descriptors are, for a person."""
        folder = f"/proc/{self.process.pid}/fd"
        return sorted(os.readlink(f"{folder}/{each}") for each in os.listdir(folder))

    def cpu(self):
        """Seconds of CPU time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_peak(self):
        """MiB."""
        return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())[1]) / 1024

    def stop(self):
        """Stops everything; the exit status of a clean stop."""
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.engine.stop()
            shutil.rmtree(self.folder, ignore_errors=True)


class FakeCase(unittest.TestCase):
    """One berth, engine and job a class. After each test berth must live, hold no more than before, and have sent only its own bytes."""

    rules = ""

    @classmethod
    def setUpClass(cls):
        cls.berth = Berth(cls.rules)
        cls.addClassCleanup(cls.end)
        cls.engine = cls.berth.engine
        cls.job = cls.berth.open_job()
        cls.key, cls.door = cls.job["key"], cls.job["door"]
        with cls.client() as client:
            assert client.call("POST", "/images/create?fromImage=busybox&tag=latest").status == 200
            made = client.call("POST", "/containers/create?name=base", {"Image": "busybox"})
            assert made.status == 201, made
            cls.container = made.json()["Id"]
        time.sleep(0.1)  # berth closes what has just ended
        cls.base = cls.berth.descriptors() - cls.engine.open_connections()

    @classmethod
    def end(cls):
        status = cls.berth.stop()
        assert status == 0, f"berth serve exited {status}"

    @classmethod
    def client(cls, timeout=20):
        return Client(cls.door, timeout)

    def setUp(self):
        self.mark = self.engine.mark()
        self.addCleanup(self.check_after)

    def check_after(self):
        self.engine.clear()
        self.assertIsNone(self.berth.process.poll(), f"berth has ended:\n{self.berth.log_tail()}")
        self.assertEqual(self.engine.violations, [], "bytes that are not berth's own")
        self.settled()
        with self.client() as client:
            self.assertEqual(client.call("GET", "/_ping").status, 200)

    def leak(self):
        """Descriptors that belong neither to the idle berth nor to a connection with the engine."""
        return self.berth.descriptors() - self.engine.open_connections() - self.base

    def settled(self, limit=6):
        """berth has closed all that ended."""
        try:
            wait_for(lambda: self.leak() <= 0, limit)
        except AssertionError:
            self.fail(f"{self.leak()} descriptors of berth are left open: {self.berth.descriptor_list()}, {self.engine.open_connections()} to the engine")

    def sent(self, method=None, pattern=""):
        """What this test made berth send to the engine."""
        return self.engine.since(self.mark, method, pattern)

    def call(self, method, target, body=None, *headers, **options):
        """One request on a connection of its own."""
        with self.client() as client:
            return client.call(method, target, body, *headers, **options)


def in_background(function, *args):
    """Runs `function` in a thread; the returned function waits for it and gives its result or raises what it raised."""
    outcome = {}

    def run():
        try:
            outcome["value"] = function(*args)
        except BaseException as error:  # handed to whoever waits
            outcome["error"] = error

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result(timeout=60):
        thread.join(timeout)
        assert not thread.is_alive(), "still at it"
        if "error" in outcome:
            raise outcome["error"]
        return outcome.get("value")

    return result
