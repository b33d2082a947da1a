"""A few bytes of one job that made much work or memory: refused by name, or bounded, and the others do not notice."""

import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import attacks
from amplifiers import JSON, REFUSED, Load, Memory, bodies, create, follow_events, status_of, wide
from harness import EngineCase, RuledBerth, RuledCase
from tools import tar_of
from watch import ASAN, Watch

ENGINES = ("distribution", "newest")


class SmallBerth(RuledBerth):
    """In a memory of 256 MiB."""

    most = 256 << 20
    memory = None

    def start(self, *flags, within=None):
        if not ASAN:
            self.memory = Memory(f"berth-budget-{os.getpid()}", self.most)
        return super().start(*flags, within=self.memory.within(self.engine) if self.memory else within)


class Budget(RuledCase):
    ruled_by = SmallBerth

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        if cls.ruled.memory:
            cls.ruled.memory.remove()

    def assert_alive(self):
        self.assertIsNone(self.ruled.process.poll(), "the daemon ended:\n" + self.ruled.log_tail())
        if self.ruled.memory:
            self.assertEqual(self.ruled.memory.kills(), 0, "the daemon was killed for memory")

    def watched(self, attack, other):
        def make():
            status, made = other.api.call("POST", "/containers/create", {"Image": other.image, "Cmd": ["true"]})
            self.assertEqual(status, 201, made)
            status, answer = other.api.call("DELETE", f"/containers/{made['Id']}")
            self.assertEqual(status, 204, answer)

        return Watch(attack, self.ruled.process.pid, {"ping": lambda: other.api.call("GET", "/_ping"), "list": lambda: other.api.get("/containers/json?all=1"), "create": make})

    @attacks.shows("V-20 V-21 V-22 V-23 V-31", "refused before an engine sees it")
    def test_bodies_of_many_values(self):
        job = self.open()
        with self.subTest("what is refused"):
            for name, request in bodies(job.image).items():
                self.assertIn(status_of(job, *request), REFUSED, name)
        self.assertEqual(job.api.get("/containers/json?all=1"), [])
        self.assertEqual(job.api.get("/volumes")["Volumes"], [])
        self.assert_alive()

    @attacks.shows("V-26", "bounded by limits.job.streams, and each job's share of the connections")
    def test_streams(self):
        job, other = self.open(busybox=False), self.open(busybox=False)
        began, refused = follow_events(job, 400)
        self.assertEqual(len(began), 250)
        self.assertEqual(set(refused), {429})
        with began[0]:
            self.assertEqual(other.api.get("/containers/json"), [])
            status, answer = job.api.call("GET", "/events")
        self.assertEqual(status, 429)
        self.assertIn('refused by rule "limits.job.streams"', answer["message"])
        for each in began:
            each.close()

    @attacks.shows("V-32", "the engine has one listener, which reads: berth")
    def test_streams_of_events_that_nobody_reads(self):
        job, other = self.open(), self.open()
        before = self.engine.api.get("/info")["NEventsListener"]
        streams, _ = follow_events(job, 250)
        self.assertEqual(len(streams), 250)
        self.assertEqual(self.engine.api.get("/info")["NEventsListener"], before)
        labels = ",".join(f'"{number:04}":"{"x" * 110}"' for number in range(250))
        status, made = job.api.call("POST", "/containers/create", f'{{"Image":"{job.image}","Labels":{{{labels}}}}}'.encode(), headers=JSON)
        self.assertEqual(status, 201, made)
        with self.watched("250 streams of events that nobody reads", other):
            for number in range(100):
                self.assertEqual(status_of(job, "POST", f"/containers/{made['Id']}/rename?name=name{number}"), 204)
            for each in streams:
                each.recv(100000)
            for number in range(100):
                self.assertEqual(status_of(job, "POST", f"/containers/{made['Id']}/rename?name=again{number}"), 204)
        for each in streams:
            each.close()
        self.assert_alive()

    @attacks.shows("V-33", "each job has a pace of 4 MiB in a second, with a second's worth at once")
    def test_long_answers_have_a_pace(self):
        job = self.open()
        at_once, in_a_second, clients = 4 << 20, 4 << 20, 8
        self.assertEqual(status_of(job, *wide(job.image)), 201)
        one = len(job.api.call("GET", "/containers/json?all=1", raw=True)[1])
        self.assertGreater(one, 400 << 10)
        begun = time.monotonic()

        def ask(_):
            taken = 0
            while time.monotonic() < begun + 4:
                taken += len(job.api.call("GET", "/containers/json?all=1", raw=True)[1])
            return taken

        with ThreadPoolExecutor(clients) as asked:
            taken = sum(asked.map(ask, range(clients)))
        took = time.monotonic() - begun
        print(f"       {taken / (1 << 20):.1f} MiB of lists in {took:.1f} s", flush=True)
        self.assertGreater(taken, at_once)
        self.assertLess(taken, at_once + in_a_second * took + clients * one)

    @attacks.shows("V-29", "shown as it comes: no kill in 256 MiB, the others are answered")
    def test_disk_usage(self):
        job, other = self.open(), self.open()
        labels = ",".join(f'"{number:x}":""' for number in range(4000))
        method, path, body = create(job.image, f'"Cmd":["true"],"Labels":{{{labels}}}')
        made = [status_of(job, method, path, body) for _ in range(50)]
        self.assertEqual(set(made), {201})
        with self.watched("six disk usages of 200 000 labels", other), ThreadPoolExecutor(6) as asked:
            answers = list(asked.map(lambda _: status_of(job, "GET", "/system/df"), range(6)))
        self.assert_alive()
        self.assertEqual(set(answers), {200})
        usage = job.api.get("/system/df")
        self.assertEqual([len(each["Labels"]) for each in usage["Containers"]], [4000] * 50)

    @attacks.shows("V-30", "comes to no job, or is read aside")
    def test_an_image_of_many_settings(self):
        """What each create reads of its image is bounded where the image comes to the job; as much as may be costs the others nothing."""
        job, other = self.open(), self.open()
        layer = tar_of({"file": "x"})
        for name, variables, status in (("wide", [f"A{number:x}=" for number in range(55000)], 404), ("large", [f"A{number:x}={'x' * 100}" for number in range(4000)], 201)):
            config = {"architecture": "amd64", "os": "linux", "config": {"Env": variables}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}
            manifest = [{"Config": "config.json", "RepoTags": [f"{name}:1"], "Layers": ["layer.tar"]}]
            archive = tar_of({"manifest.json": json.dumps(manifest), "config.json": json.dumps(config), "layer.tar": layer})
            loaded, answer = job.api.call("POST", "/images/load", archive, headers={"Content-Type": "application/x-tar"}, raw=True)
            self.assertEqual((loaded, b"too large for a job" in answer), (200, status == 404), answer)
            method, path, body = create(f"{name}:1", '"Cmd":["true"]')
            with self.watched(f"creates of an image of {len(variables)} variables", other):
                made = [status_of(job, method, path, body) for _ in range(20)]
            self.assert_alive()
            self.assertEqual(set(made), {status}, name)

    @attacks.shows("V-25 V-27 V-28", "bounded: no kill in 256 MiB, the others are answered, the job ends")
    def test_all_at_once(self):
        job, other = self.open(), self.open()
        with self.watched("all amplifiers at once", other):
            load = Load(job, streams=400, lists_at_once=2)
            with load:
                load.over.wait(8)
        self.assert_alive()
        for name, seen in load.statuses.items():
            if name.split()[0] in ("V-20", "V-21", "V-22", "V-23", "V-31"):
                self.assertLessEqual(set(seen), set(REFUSED), name)
        self.assertEqual(load.statuses["V-25 large objects"], {201: 10})
        self.assertTrue(load.statuses["V-25 /containers/json?all=1"].get(200), load.statuses)
        listed = job.api.get("/containers/json?all=1")
        self.assertEqual(sorted(each["Id"] for each in listed), sorted(load.wide))
        self.assertEqual([len(each["Labels"]) for each in listed], [4000] * 10)
        if self.ruled.memory:
            print(f"       memory of the daemon and its files: at most {self.ruled.memory.peak():.0f} MiB of 256", flush=True)
        result = job.close()
        self.assertEqual(result.code, 0, result.out + result.err)


class Largest(EngineCase):
    """What a job may have the engine keep is shown as it is."""

    def test_a_large_object(self):
        method, path, body = wide(self.job.image)
        status, made = self.job.api.call(method, path, body.encode(), headers={"Content-Type": "application/json"})
        self.assertEqual(status, 201, made)
        inspected = self.job.api.get(f"/containers/{made['Id']}/json")
        self.assertEqual(len(inspected["Config"]["Labels"]), 4000)
        by_label = self.job.api.get('/containers/json?all=1&filters={"label":["0007"]}')
        self.assertEqual([each["Id"] for each in by_label], [made["Id"]])
        usage = self.job.api.get("/system/df")
        self.assertIn(made["Id"], [each["Id"] for each in usage["Containers"]])
        self.assertEqual(self.job.api.call("DELETE", f"/containers/{made['Id']}")[0], 204)
