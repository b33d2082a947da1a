"""Pulls, creates and builds while the cache is collected all the time: nothing that a job has is ever taken from under it.

BERTH_CACHE_MINUTES: for how long (default 0.5). Prints what was done.
"""

import json
import os
import random
import threading
import time

from harness import EngineCase, RuledBerth
from tools import tar_of

ENGINES = ("trixie",)

MINUTES = float(os.environ.get("BERTH_CACHE_MINUTES", "0.5"))
IMAGES = 8
WORKERS = 3


class FullBerth(RuledBerth):
    """Its cache has room for three of the images."""

    flags = ("--cache-high", "3MB", "--cache-low", "1MB")
    rules = """
        [profile.fresh]
        images.cache = "none"
    """


class Pressure(EngineCase):
    jobs_wanted = ()

    def setUp(self):
        self.names = []
        self.wrong = []
        self.counts = {"jobs": 0, "pulls": 0, "creates": 0, "builds": 0, "collections": 0, "images collected": 0}
        self.lock = threading.Lock()
        registry, docker = self.registry(), self.engine.docker
        # A third of each is a layer that all share; the last two are one image.
        docker.ok("import", "-", "shared:1", input=tar_of({"shared": os.urandom(300_000)}), text=False)
        for number in range(IMAGES):
            if number < IMAGES - 1:
                files = {"Dockerfile": "FROM shared:1\nADD payload /\nCMD x\n", "payload": os.urandom(600_000)}
                docker.ok("build", "-q", "-t", "made-here:1", "-", input=tar_of(files), text=False, DOCKER_BUILDKIT="0")
            self.names.append(registry.push("made-here:1", f"pressed{number}:1"))
        docker.ok("rmi", "made-here:1", "shared:1")
        docker.ok("image", "prune", "-f")
        self.berth_here = FullBerth(self.engine).start()

    def tearDown(self):
        self.berth_here.stop()
        for image in self.engine.api.get("/images/json"):
            for name in image["RepoTags"] or []:
                if "/pressed" in name:
                    self.engine.docker("rmi", name)

    def count(self, what, more=1):
        with self.lock:
            self.counts[what] += more

    def must(self, job, *args, **options):
        result = job.docker(*args, timeout=180, **options)
        if result.code != 0:
            self.wrong.append(f"docker {' '.join(args)}: {result.err.strip()}")
        return result.code == 0

    def one_job(self, chance):
        job = self.berth_here.open_job("--profile", chance.choice(("default", "default", "fresh")))
        self.count("jobs")
        try:
            for name in chance.sample(self.names, 3):
                if not self.must(job, "pull", "-q", name):
                    continue
                self.count("pulls")
                if chance.random() < 0.3:
                    # As FROM, perhaps pulled by the build itself.
                    self.must(job, "build", "-q", "-t", "app", "-", input=f"FROM {chance.choice(self.names)}\nLABEL x={chance.random()}\n")
                    self.count("builds")
                time.sleep(chance.random() / 2)
                if self.must(job, "create", name):
                    self.count("creates")
        finally:
            result = job.close()
            if result.code != 0:
                self.wrong.append(f"close: {result.out} {result.err}")

    def work(self, seed, until):
        chance = random.Random(seed)
        while time.monotonic() < until and not self.wrong:
            try:
                self.one_job(chance)
            except Exception as error:  # noqa: BLE001: it is told in the main thread
                self.wrong.append(repr(error))

    def collect(self, until):
        while time.monotonic() < until and not self.wrong:
            result = self.berth_here.cli("cleanup", "--json", timeout=180)
            if result.code != 0:
                self.wrong.append(f"cleanup: {result.out} {result.err}")
                break
            self.count("collections")
            self.count("images collected", sum(each["outcome"] == "gone" for each in json.loads(result.out)["cache"]["images"]))

    def test_no_create_fails_for_an_image_that_was_collected(self):
        until = time.monotonic() + 60 * MINUTES
        threads = [threading.Thread(target=self.work, args=(seed, until)) for seed in range(WORKERS)] + [threading.Thread(target=self.collect, args=(until,))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"       {MINUTES:g} minutes: " + ", ".join(f"{count} {what}" for what, count in self.counts.items()) + f", {len(self.wrong)} failures", flush=True)
        self.assertEqual(self.wrong, [])
        self.assertGreater(self.counts["images collected"], 0)
        self.assertGreater(self.counts["creates"], 0)
