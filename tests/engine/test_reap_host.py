"""After `berth job close` nothing of the job is on the host: not in what the engine lists, nor in the places that no engine lists."""

import signal
import subprocess
import sys
import threading
import time

from tools import tar_of, wait_for
from traces import HostCase

ENGINES = ("newest",)


class Reaped(HostCase):
    def test_a_job_that_made_everything(self):
        self.live()
        empty = [what for what, found in self.traces().items() if not found]
        self.assertEqual(empty, [], "a place of which this test would see nothing")
        self.assert_closed()

    def test_berth_killed_before_the_close(self):
        self.live()
        self.served.kill()
        self.served.start()
        self.assert_closed()

    def test_berth_killed_amid_the_close(self):
        self.live()
        closing = threading.Thread(target=lambda: self.served.cli("job", "close", self.job.id, timeout=90))
        closing.start()
        wait_for(lambda: self.ledger("SELECT key FROM jobs WHERE key = ? AND state <> 'open'"), 30, "the beginning of the close")
        self.served.kill()
        closing.join(100)
        self.served.start()
        self.job.closed = True
        wait_for(lambda: self.job.key not in self.served.ok("job", "list", "--json"), 90, "the end of the job")
        self.assert_nothing()

    def test_the_engine_restarted_before_the_close(self):
        self.live()
        self.engine.stop()
        self.engine.start()
        wait_for(lambda: self.job.docker("ps").code == 0, 30, "an answer after the engine's start")
        self.assert_closed()

    def test_a_job_whose_builds_and_creates_failed(self):
        job = self.job
        job.load_busybox()
        for text in ("RUN echo 1 >/x\nRUN false\n", "COPY absent /x\n"):
            self.assertIn(b'"error"', job.api.call("POST", "/build?t=bad", tar_of({"Dockerfile": f"FROM {job.image}\n{text}"}), raw=True)[1])
        for body in ({"Cmd": ["/absent"], "HostConfig": {"Binds": [f"{self.workspace}/sub:/w", "half:/half"]}},
                     {"Cmd": ["true"], "HostConfig": {"Binds": [f"{self.workspace}/sub:/etc/passwd", "/anonymous"]}}):
            status, made = job.api.call("POST", "/containers/create", {"Image": job.image, **body})
            if status == 201:
                self.assertGreaterEqual(job.api.call("POST", f"/containers/{made['Id']}/start")[0], 400)
        self.assertEqual(job.docker("network", "create", "--subnet", "198.18.0.0/24", "bad").code, 1)
        self.learn()
        self.assert_closed()

    def test_a_process_of_a_step_that_the_engine_has_forgotten(self):
        """As an engine leaves one that was killed as it started the step's container. Such a container is no object of the job."""
        self.job.load_busybox()
        self.job.build("built", {"Dockerfile": f"FROM {self.job.image}\nRUN echo built >/x\n"})
        steps = wait_for(lambda: self.ledger("SELECT id FROM objects WHERE job = ? AND kind = 'container' AND real = ''"), 30, "the step in the ledger")
        self.served.kill()
        self.served.start()
        shim = subprocess.Popen(["containerd-shim-runc-v2", "-c", "import time; time.sleep(1000)", "-namespace", "moby", "-id", steps[0][0]], executable=sys.executable)
        self.addCleanup(shim.wait)
        self.addCleanup(shim.kill)
        self.learn()
        self.assert_closed()
        self.assertEqual(shim.wait(10), -signal.SIGKILL)

    def test_networks_made_and_removed_leave_nothing_while_the_job_is_open(self):
        self.job.load_busybox()
        for turn in range(3):
            self.job.do("network", "create", f"n{turn}")
            self.job.do("run", "--rm", "--network", f"n{turn}", "-p", "8080:80", self.job.image, "true")
        self.learn()
        devices, subnets = self.devices, self.subnets
        for turn in range(3):
            self.job.do("network", "rm", f"n{turn}")

        def given_back():  # the ledger is written behind the answer
            self.learn()
            return len(devices) - len(self.devices) == 3
        wait_for(given_back, 10, "the leases of the three networks to be given back")
        gone = (set(devices) - set(self.devices)) | (set(subnets) - set(self.subnets))
        self.assertEqual(self.named_in(gone, [*self.rules(), *self.engine.inside("ip", "-o", "link").out.splitlines()]), [])
        self.assert_closed()


class MadeNothing(HostCase):
    def test_it_made_nothing_on_the_engine(self):
        """What only reads makes nothing either: no network, no device, no volume, not even for a moment."""
        since = int(time.time())
        job = self.job
        for path in ("/info", "/version", "/containers/json?all=1", "/networks", "/networks/bridge", "/volumes", "/images/json", "/system/df"):
            job.api.get(path)
        self.assertEqual(job.api.call("GET", "/images/absent/json")[0], 404)
        self.assertEqual(job.api.call("POST", "/containers/create", {"Image": "absent"})[0], 404)
        self.learn()
        found = self.traces()
        for what in ("devices", "mounts", "processes", "containers", "networks", "volumes", "image names", "objects of the ledger"):
            with self.subTest(what):
                self.assertEqual(found[what], [])
        self.assertEqual(self.difference(self.before), "")
        self.assert_closed()
        status, events = self.engine.api.call("GET", f"/events?since={since}&until={int(time.time()) + 1}", raw=True)
        self.assertEqual(status, 200, events)
        self.assertEqual([each for each in events.splitlines() if job.key.encode() in each], [])
