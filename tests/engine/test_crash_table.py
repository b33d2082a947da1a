"""Everything stops at one step after another of a job's life, between intent and record and inside the reap: nothing is ever left.

A build for tests stops at the n-th step (db/fault.h): there berth ends on the spot, or dockerd is killed, or dockerd and its containerd.
Every BERTH_CRASH_STRIDE-th step is tried; 1 tries all of them, and the table then has a line for each.
"""

import json
import os
import re
import threading
from http.client import HTTPException

import attacks
from harness import EngineCase
from tools import tar_of, wait_for

ENGINES = ("distribution",)

STRIDE = int(os.environ.get("BERTH_CRASH_STRIDE", "37"))


class CrashTable(EngineCase):
    jobs_wanted = ()
    stride = STRIDE

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.orders = cls.berth.folder / "faults"
        cls.reached = cls.berth.folder / "faults.step"
        cls.order(0, "none")
        cls.restart(BERTH_FAULTS=str(cls.orders))

    @classmethod
    def tearDownClass(cls):
        cls.restart()
        super().tearDownClass()

    @classmethod
    def restart(cls, **environment):
        cls.berth.stop()
        cls.berth.environment = environment
        cls.berth.start()

    @classmethod
    def order(cls, steps, act):
        new = cls.orders.with_suffix(".test")
        new.write_text(f"{steps} {act}")
        new.rename(cls.orders)  # at once: berth reads it at each step

    def live(self, job, base, answers):
        """What a job does; whatever fails, it goes on with the next."""
        calls = [("POST", "/networks/create", {"Name": "net", "CheckDuplicate": True}),
                 ("POST", "/containers/create?name=box", {"Image": base, "HostConfig": {"Binds": ["data:/data", "/anonymous"], "NetworkMode": "net"}}),
                 ("POST", "/containers/create?name=other", {"Image": base, "Cmd": ["sleep", "600"], "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}}),
                 ("POST", "/containers/other/start", None),
                 ("POST", "/commit?container=box&repo=committed&tag=1", {}),
                 ("POST", "/build?t=built", tar_of({"Dockerfile": f"FROM {base}\nENV a=b\nRUN echo x >/x\n"})),
                 ("POST", f"/images/{base}/tag?repo=tagged&tag=1", None),
                 ("POST", "/containers/box/rename?name=renamed", None),
                 ("DELETE", "/containers/renamed?v=1", None),
                 ("DELETE", "/images/tagged:1", None),
                 ("DELETE", "/volumes/data", None)]
        for method, path, body in calls:
            try:
                answers.append(job.api.call(method, path, body, raw=True))
            except (OSError, HTTPException):
                answers.append((0, b""))  # berth is gone, or was just then

    def log_since(self, mark):
        return self.berth.log.read_text(errors="replace")[mark:]

    def state(self, job):
        """Of the job in the ledger: open, draining, or closed."""
        return next((each["state"] for each in json.loads(self.berth.ok("job", "list", "--json")) if each["key"] == job.key), "closed")

    def end_of(self, job):
        """Closes the job, unless it ended or is ending by itself."""
        if self.state(job) == "open":
            wait_for(lambda: self.berth.cli("job", "close", job.id, timeout=180).code == 0 or self.state(job) == "closed", 180, "the end of the job")
        wait_for(lambda: self.state(job) == "closed", 180, "the end of the job")

    def stop_berth(self, job):
        self.assertEqual(self.berth.process.wait(), 70, self.berth.log_tail())
        self.berth.start()
        return {"open": "restarted, the job went on", "draining": "restarted, the reap was finished", "closed": "restarted, nothing was left to do"}[self.state(job)]

    def stop_engine(self, kill):
        def stop(job):
            mark = len(self.berth.log.read_text(errors="replace"))
            state = re.findall(r"^\w+", self.reached.read_text())  # before or after
            kill()
            self.order(0, "go")
            self.engine.start()
            failed = "a request broke off" if "level=error" in self.log_since(mark) else "no request was under way"
            return f"{failed} ({' '.join(state)}), the engine was there again"
        return stop

    def one_step(self, step, act, stop):
        """A job to whose n-th step something happens: (name of the step or None, what became of it)."""
        self.reached.unlink(missing_ok=True)
        job = self.berth.open_job()
        job.load_busybox()
        self.order(step, act)
        answers, ended = [], []

        def whole():
            self.live(job, job.image, answers)
            ended.append(self.berth.cli("job", "close", job.id, timeout=120).code)
        thread = threading.Thread(target=whole)
        thread.start()
        wait_for(lambda: self.reached.exists() or not thread.is_alive(), 180, "the step, or the end of the job")
        became = None
        if self.reached.exists():
            became = stop(job)
        thread.join(180)
        self.assertFalse(thread.is_alive(), "a request has no end")
        self.order(0, "none")
        self.end_of(job)
        # Whoever asked got an answer, unless berth itself was gone.
        if act == "wait":
            self.assertNotIn(0, [status for status, _ in answers], answers)
            for status, content in answers:
                if status >= 500:
                    self.assertIn("message", json.loads(content), "an error as the engine's are")
        wait_for(lambda: self.difference() == "", 60, "the engine as it was before", 0.5) if self.difference() else None
        return (self.reached.read_text(), became) if became else (None, None)

    def table(self, act, stop):
        step, lines = 1, []
        while True:
            try:
                name, became = self.one_step(step, act, stop)
            except AssertionError as error:
                raise AssertionError(f"at step {step} ({self.reached.read_text() if self.reached.exists() else 'not reached'}): {error}; "
                                     f"left: {self.difference()}") from None
            if not name:
                break
            lines.append((step, name, became))
            step += self.stride
        self.assertGreaterEqual(len(lines), 20 // self.stride, "a job has more steps than that")
        self.print_table(lines)

    def print_table(self, lines):
        """Steps of one name and outcome in one line."""
        rows = {}
        for step, name, became in lines:
            rows.setdefault((name, became), []).append(step)
        what = self._testMethodName.removeprefix("test_").replace("_", " ")
        print(f"       {self.kind:12} {what}: {len(lines)} steps, objects left at each: 0")
        for (name, became), steps in rows.items():
            print(f"         {','.join(map(str, steps)):>16}  {name:44}  {became}; left 0", flush=True)

    @attacks.shows("G-06", "nothing is left, wherever it stops")
    def test_berth_stops_dead(self):
        self.table("end", self.stop_berth)

    def test_dockerd_is_killed(self):
        self.table("wait", self.stop_engine(self.engine.kill))

    def test_dockerd_and_containerd_are_killed(self):
        self.table("wait", self.stop_engine(self.engine.crash))
