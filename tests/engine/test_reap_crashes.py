"""berth or the engine dies while a job is open: after `berth job close` the engine is as it was before the job."""

import contextlib
import sqlite3
import threading
import time

import attacks
from test_reap import ReapCase
from tools import tar_of, wait_for

ENGINES = ("distribution", "newest")


class Crashes(ReapCase):
    """berth or the engine dies while a job is open."""

    def test_berth_killed_and_started_again_knows_the_job(self):
        self.run_box("--name", "box", "-v", "data:/data")
        self.job.do("network", "create", "app")
        self.berth.kill()
        self.berth.start()
        self.assertEqual(self.job.ok("ps", "--format", "{{.Names}}"), "box")
        self.assertEqual(self.job.do("exec", "box", "echo", "hi"), "hi")
        self.assertEqual(self.job.ok("volume", "ls", "-q"), "data")
        self.run_box("--name", "later", "--network", "app")
        self.assert_reaped()

    def test_berth_stopped_cleanly_and_started_again(self):
        self.run_box("--name", "box", "-p", "8080:80")
        address = self.job.address()
        self.assertEqual(self.berth.stop(), 0)
        self.berth.start()
        self.assertEqual(self.job.address(), address)
        self.assertEqual(self.job.ok("ps", "--format", "{{.Names}}"), "box")
        self.assert_reaped()

    @attacks.shows("G-06", "found by what was recorded before")
    def test_berth_killed_amid_creates_and_builds(self):
        for turn in range(3):
            stop = threading.Event()

            def storm(lane):
                number = 0
                while not stop.is_set():
                    number += 1
                    try:
                        name = f"t{turn}-{lane}-{number}"
                        self.job.api.call("POST", f"/containers/create?name={name}", {"Image": self.job.image, "HostConfig": {"Binds": [f"{name}:/v"]}})
                        self.job.api.call("POST", "/networks/create", {"Name": name} if number % 4 == 0 else {"Name": "one", "CheckDuplicate": True})
                        if lane == 0:
                            self.job.api.call("POST", f"/build?t={name}", tar_of({"Dockerfile": f"FROM {self.job.image}\nRUN echo {name} >/x\n"}), raw=True)
                    except Exception:
                        return
            threads = [threading.Thread(target=storm, args=(lane,)) for lane in range(3)]
            for thread in threads:
                thread.start()
            time.sleep(0.7 + 0.4 * turn)
            self.berth.kill()
            stop.set()
            for thread in threads:
                thread.join(30)
            self.berth.start()
        self.assert_reaped()

    def test_berth_killed_amid_a_reap(self):
        for turn in range(6):
            self.run_box("-v", f"v{turn}:/v")
        closing = threading.Thread(target=lambda: self.berth.cli("job", "close", self.job.id, timeout=90))
        closing.start()
        time.sleep(0.4)
        self.berth.kill()
        closing.join(100)
        self.berth.start()
        self.job.closed = True
        # The restart goes on with the reap by itself, or another close does.
        wait_for(lambda: self.berth.cli("job", "close", self.job.id, timeout=90).code == 0 or
                 self.job.id not in self.berth.ok("job", "list"), 60, "the job's end")
        wait_for(lambda: self.difference(self.at_start) == "", 60, "the end of the reap", 0.5)

    @attacks.shows("K-13", "looked up again")
    def test_the_engine_restarted(self):
        self.run_box("--name", "box")
        self.run_box("--name", "again", "--restart", "always")
        self.engine.stop()
        self.refused(self.job.docker("ps"))
        self.engine.start()
        wait_for(lambda: self.job.api.call("POST", "/containers/box/start")[0] in (204, 304), 30, "a start after the engine's")
        self.assertEqual(self.job.do("exec", "box", "echo", "hi"), "hi")
        self.assert_reaped()

    @attacks.shows("K-13", "looked up again")
    def test_the_engine_killed(self):
        self.run_box("--name", "box", "-v", "/anonymous")
        self.engine.crash()
        self.engine.start()
        wait_for(lambda: self.job.docker("ps", "-a").code == 0, 30, "an answer after the engine's start")
        self.assert_reaped()

    def noted_steps(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.berth.folder}/state/berth.db?mode=ro", uri=True)) as ledger:
            return ledger.execute("SELECT count(*) FROM objects WHERE job = ? AND kind = 'container' AND state = 'intended' AND name = ''", (self.job.key,)).fetchone()[0]

    @attacks.shows("V-18", "known by what was recorded as it began")
    def test_the_engine_killed_amid_steps_on_no_network_of_the_job(self):
        self.run_box("--name", "box")
        for network in ("none", "container:box"):
            def build():
                try:
                    self.job.api.call("POST", f"/build?networkmode={network}", tar_of({"Dockerfile": f"FROM {self.job.image}\nRUN sleep 61 # {network}\n"}), raw=True)
                except Exception:
                    pass  # cut with the engine
            before = self.noted_steps()
            thread = threading.Thread(target=build)
            thread.start()
            wait_for(lambda: [each for each in self.engine.api.get("/containers/json") if f"# {network}" in each["Command"]], 20, "the step")
            wait_for(lambda: self.noted_steps() > before, 20, "the record of the step")
            self.engine.crash()
            thread.join(30)
            self.engine.start()
            wait_for(lambda: self.job.api.call("POST", "/containers/box/start")[0] in (204, 304), 30, "a start after the engine's")
        self.assertEqual(self.job.ok("ps", "-a", "--format", "{{.Names}}"), "box")
        self.assert_reaped()
