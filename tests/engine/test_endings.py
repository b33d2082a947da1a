"""How long a job's end takes: what the job left running does not hold it up, and who closes it is answered in time."""

import json
import signal
import socket
import time

import attacks
from harness import Berth, RuledCase
from tools import tar_of, wait_for

ENGINES = ("distribution", "newest")

STEP = "sleep 1234"  # of a build that nobody waits for any more


class Endings(RuledCase):
    ruled_by = Berth  # a daemon of its own: all its jobs are closed at once

    def setUp(self):
        self.at_start = self.engine.snapshot()

    def steps(self):
        """The containers on the engine that run an abandoned step."""
        return [each for each in self.engine.api.get("/containers/json") if STEP in each["Command"]]

    def abandon(self, job, *lines):
        """A build whose client goes while its step runs."""
        before = len(self.steps())
        context = tar_of({"Dockerfile": "\n".join((f"FROM {job.image}", *lines, f"RUN {STEP}")) + "\n"})
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(30)
        client.connect(job.door)
        client.sendall(f"POST /v1.41/build?t=left HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nContent-Length: {len(context)}\r\n\r\n".encode() + context)
        wait_for(lambda: len(self.steps()) > before, 30, "the step")
        return client

    def closed(self, *args, limit, code=0):
        """The output of a `berth job close` that takes less than `limit` seconds."""
        began = time.monotonic()
        result = self.ruled.cli("job", "close", *args, timeout=200)
        took = time.monotonic() - began
        self.assertEqual(result.code, code, result.out + result.err)
        self.assertLess(took, limit, result.out + result.err)
        return result.out

    def assert_as_before(self):
        self.assertEqual(self.difference(self.at_start), "")

    @attacks.shows("V-90", "stopped by its ids alone")
    def test_labels_keep_no_build_running(self):
        other = self.open(busybox=False)
        job = self.open()
        for labels in (f"berth.key={job.key} berth.job={job.id}", f"berth.key={other.key}", "berth.key=x Berth.Key=y BERTH.KEY=z berth.profile=dind berth.image=i"):
            with self.subTest(labels):
                self.abandon(job, f"LABEL {labels}").close()
                wait_for(lambda: not self.steps(), 10, "the end of the abandoned build")
        self.abandon(job, f"LABEL berth.key={other.key} berth.job={other.id}")  # its client is there when the job ends
        job.closed = True
        self.closed(job.id, limit=10)
        self.assertEqual(self.steps(), [])
        other.closed = True
        self.closed(other.id, limit=10)
        self.assert_as_before()

    def test_a_build_cannot_have_another_container_removed(self):
        """Its step prints the id of a container of the job's own, as if the builder ran it."""
        job = self.open()
        mine = job.do("run", "-d", "--name", "mine", "--network", "bridge", job.image, "sleep", "1000")
        self.abandon(job, f"RUN echo ' ---> Running in {mine[:12]}'").close()
        wait_for(lambda: not self.steps(), 10, "the end of the abandoned build")
        self.assertEqual(job.ok("inspect", "-f", "{{.State.Running}}", "mine"), "true")

    @attacks.shows("V-92", "side by side")
    def test_all_jobs_end_side_by_side(self):
        jobs = [self.open() for _ in range(4)]
        for job in jobs:
            job.do("run", "-d", "--stop-signal", "SIGCONT", job.image, "sh", "-c", "trap '' TERM INT; while :; do sleep 1; done")
            self.abandon(job, "LABEL berth.key=x")
            job.closed = True
        reports = json.loads(self.closed("--all", "--json", limit=25))
        self.assertEqual(sorted(each["id"] for each in reports), sorted(job.id for job in jobs))
        for each in reports:
            self.assertTrue(each["clean"], each)
            self.assertEqual(each["removed"]["container"], 1, each)
        self.assertEqual(self.ruled.cli("job", "close", "--all").code, 0, "none is none left")
        self.assert_as_before()

    @attacks.shows("V-91", "closed in time")
    def test_an_engine_that_stands_still(self):
        jobs = [self.open(), self.open(busybox=False)]
        jobs[0].do("run", "-d", "--name", "box", jobs[0].image, "sleep", "1000")
        self.abandon(jobs[0])
        for job in jobs:
            job.closed = True
        self.engine.process.send_signal(signal.SIGSTOP)
        try:
            shown = self.closed(jobs[0].id, "--timeout", "2s", limit=5, code=1)
            self.assertIn("left: container box: not known to be gone yet", shown)
            shown = self.closed("--all", "--timeout", "2s", limit=5, code=1)
            for job in jobs:
                self.assertIn(f"{job.id}:\n", shown)
            self.assertEqual({each["state"] for each in json.loads(self.ruled.ok("job", "list", "--json"))}, {"draining"})
        finally:
            self.engine.process.send_signal(signal.SIGCONT)
        self.closed("--all", limit=60)
        self.assert_as_before()

    @attacks.shows("V-93", "found by its real name")
    def test_a_volume_without_labels(self):
        """The engine makes a volume anew, without labels, when it was removed between the judgement of a container and its create."""
        job = self.open(busybox=False)
        self.engine.do("volume", "create", f"berth.{job.key}.data")
        job.closed = True
        self.closed(job.id, limit=10)
        self.assert_as_before()
