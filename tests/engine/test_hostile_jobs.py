"""A job that asks for as much as it can get: the other jobs go on, the daemon stays small, and nothing is left."""

import socket
import threading

from harness import EngineCase
from tools import wait_for
from watch import Watch

ENGINES = ("trixie",)


class Storms(EngineCase):
    jobs_wanted = ("other",)

    def setUp(self):
        self.job = self.open_job()

    def assert_closed(self):
        result = self.job.close()
        self.assertEqual(result.code, 0, result.out + result.err)

    def run_and_remove(self):
        """A container of the other job, from its create to its removal."""
        api = self.other.api
        status, made = api.call("POST", "/containers/create", {"Image": self.other.image, "Cmd": ["true"]})
        self.assertEqual(status, 201, made)
        path = f"/containers/{made['Id']}"
        for method, what, expected in (("POST", f"{path}/start", 204), ("POST", f"{path}/wait", 200), ("DELETE", path, 204)):
            status, answer = api.call(method, what)
            self.assertEqual(status, expected, answer)

    def watched(self, attack):
        return Watch(attack, self.berth.process.pid, {"list": lambda: self.other.api.get("/containers/json"), "run": self.run_and_remove})

    def start(self, name, command, **body):
        status, made = self.job.api.call("POST", f"/containers/create?name={name}", {"Image": self.job.image, "Cmd": command, **body})
        self.assertEqual(status, 201, made)
        status, answer = self.job.api.call("POST", f"/containers/{name}/start")
        self.assertEqual(status, 204, answer)

    def read_none_of(self, path):
        """A stream of the job's whose answer is not read."""
        stream = socket.socket(socket.AF_UNIX)
        self.addCleanup(stream.close)
        stream.settimeout(30)
        stream.connect(self.job.door)
        stream.sendall(f"GET /v1.41{path} HTTP/1.1\r\nHost: d\r\n\r\n".encode())
        self.assertIn(b" 200 ", stream.recv(64))

    def test_healthchecks(self):
        probe = {"Test": ["CMD-SHELL", "exit 1"], "Interval": 1000000, "Timeout": 1000000000, "Retries": 1000}
        with self.watched("10 containers with a probe each millisecond, as they ask"):
            for number in range(10):
                self.start(f"ill{number}", ["sleep", "1000"], Healthcheck=probe)
            probed = [f"ill{number}" for number in range(10)]
            wait_for(lambda: all(self.job.api.get(f"/containers/{name}/json")["State"]["Health"]["Log"] for name in probed), 60, "a probe of each")
        self.assert_closed()

    def test_execs(self):
        self.start("box", ["sleep", "1000"])
        failures = []

        def ask():
            for _ in range(12):
                status, made = self.job.api.call("POST", "/containers/box/exec", {"Cmd": ["true"]})
                if status == 201:
                    status, made = self.job.api.call("POST", f"/exec/{made['Id']}/start", {"Detach": True})
                if status != 200:
                    failures.append((status, made))
        threads = [threading.Thread(target=ask) for _ in range(8)]
        with self.watched("96 execs from 8 clients"):
            for each in threads:
                each.start()
            for each in threads:
                each.join()
        self.assertEqual(failures, [])
        self.assert_closed()

    def test_streams_that_nobody_reads(self):
        self.start("loud", ["sh", "-c", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done"])
        with self.watched("51 streams of logs, events and stats that nobody reads"):
            for _ in range(17):
                for path in ("/containers/loud/logs?follow=1&stdout=1", "/events", "/containers/loud/stats"):
                    self.read_none_of(path)
            for turn in range(10):
                self.start(f"event{turn}", ["true"])
        self.assert_closed()
