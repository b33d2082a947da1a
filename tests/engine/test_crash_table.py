"""berth stops dead at one step after another of a job's life, between intent and record and inside the reap: nothing is ever left.

A build for tests ends itself at the n-th step (db/fault.h). Every BERTH_CRASH_STRIDE-th step is tried; 1 tries all of them.
"""

import os
import threading
from http.client import HTTPException

import attacks
from harness import EngineCase
from tools import tar_of, wait_for

STRIDE = int(os.environ.get("BERTH_CRASH_STRIDE", "9"))


class CrashTable(EngineCase):
    jobs_wanted = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.counter = cls.berth.folder / "faults"
        cls.counter.write_text("0")
        cls.restart(BERTH_FAULTS=str(cls.counter))

    @classmethod
    def tearDownClass(cls):
        cls.restart()
        super().tearDownClass()

    @classmethod
    def restart(cls, **environment):
        cls.berth.stop()
        cls.berth.environment = environment
        cls.berth.start()

    def live(self, job, base):
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
                job.api.call(method, path, body, raw=True)
            except (OSError, HTTPException):
                pass  # berth is gone, or was just then

    @attacks.shows("G-06", "nothing is left, wherever it stops")
    def test_every_step(self):
        step, died = 1, 0
        while True:
            job = self.berth.open_job()
            job.build_busybox()
            self.counter.write_text(str(step))
            self.live(job, job.image)
            ended = []
            closing = threading.Thread(target=lambda: ended.append(self.berth.cli("job", "close", job.id, timeout=90).code))
            closing.start()
            closing.join(100)
            over = self.berth.process.poll() is None
            if not over:
                self.assertEqual(self.berth.process.wait(), 70, self.berth.log_tail())
                died += 1
                self.berth.start()
            self.counter.write_text("0")
            if ended != [0]:
                wait_for(lambda: job.key not in self.berth.ok("job", "list", "--json") or
                         self.berth.cli("job", "close", job.id, timeout=90).code == 0, 60, "the end of the job")
            # The restart reaps a job that was ending; the last of its listings may still be under way.
            wait_for(lambda: job.key not in self.berth.ok("job", "list", "--json"), 60, "the end of the job")
            self.assertEqual(self.difference(), "", f"after the crash at step {step}")
            if over:
                break
            step += STRIDE
        self.assertGreaterEqual(died, 80 // STRIDE, "the job has more steps than that")
        print(f"       crash table: the job has {step - STRIDE} to {step} steps, berth died at {died} of them, nothing was left")
