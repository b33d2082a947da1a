"""What jobs pulled stays on the host, until there is too much of it; what the host has by itself is not touched."""

import contextlib
import json
import os
import sqlite3
import subprocess

from engines import Registry
from harness import EngineCase, RuledBerth
from tools import tar_of, wait_for

ENGINES = ("trixie",)

PAYLOAD = 1_000_000  # bytes of one image


class SizedBerth(RuledBerth):
    """Its cache has room for two images."""

    flags = ("--cache-high", str(PAYLOAD * 5 // 2), "--cache-low", str(PAYLOAD * 11 // 5), "--build-cache", "1GiB")
    rules = """
        [profile.fresh]
        images.cache = "none"
    """


class EagerBerth(RuledBerth):
    """Everything is too much for it."""

    flags = ("--cache-high", "0%", "--cache-low", "0%", "--cache-keep", f"{Registry.address}/pinned/*")


class RoomyBerth(RuledBerth):
    flags = ("--cache-high", "1TiB", "--cache-low", "1TiB")
    rules = """
        [profile.fresh]
        images.cache = "none"
        [profile.small]
        images.cache_max = "1KiB"
        [profile.builders]
        images.cache = "built"
    """


class ImageCache(EngineCase):
    jobs_wanted = ()

    def setUp(self):
        self.registry = super().registry()
        self.berths = []
        self.pushed = []
        self.addCleanup(self.clean)

    def clean(self):
        for berth in self.berths:
            if berth.process.poll() is None:
                for job in json.loads(berth.ok("job", "list", "--json")):
                    berth.cli("job", "close", job["id"], timeout=120)
                berth.stop()
        for image in self.engine.api.get("/images/json"):
            for name in (image["RepoTags"] or []) + (image["RepoDigests"] or []):
                if name.startswith((self.registry.address, "berth.cache/")):
                    self.engine.docker("rmi", name)

    def start(self, kind):
        berth = kind(self.engine).start()
        self.berths.append(berth)
        return berth

    def push(self, name):
        """An image in the registry that no other one shares anything with, and that the host does not have."""
        files = {"payload": os.urandom(PAYLOAD), "name": name}
        made = self.engine.docker.ok("import", "-c", 'CMD ["x"]', "-", "made-here:1", input=tar_of(files), text=False).decode().strip()
        target = self.registry.push("made-here:1", name)
        self.engine.do("rmi", "made-here:1")
        self.assertFalse(self.has(made))
        return target

    def has(self, image):
        return self.engine.docker("image", "inspect", image).code == 0

    def job(self, berth, *args):
        return berth.open_job(*args)

    def use(self, berth, *names, profile="default"):
        """A job pulls the images, and is over."""
        job = self.job(berth, "--profile", profile)
        for name in names:
            job.ok("pull", "-q", name)
        self.assertEqual(job.close().code, 0)

    def collect(self, berth, *args):
        return json.loads(berth.ok("cleanup", "--json", *args, timeout=120))["cache"]

    def why(self, berth, name):
        """The reason for which the image stays, once it is alone to stay or not."""
        for each in self.collect(berth)["images"]:
            if each["name"] == name or each["id"] == name:
                return f"{each['outcome']}: {each['why']}"
        return "not of the cache"

    def ledger(self, berth, sql):
        with contextlib.closing(sqlite3.connect(f"file:{berth.folder}/state/berth.db?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()

    def test_the_least_recently_used_goes_by_itself(self):
        berth = self.start(SizedBerth)
        first, second, third = self.push("first:1"), self.push("second:1"), self.push("third:1")
        self.use(berth, first)
        wait_for(lambda: len(self.ledger(berth, "SELECT 1 FROM cached WHERE used < unixepoch()")) == 1, 20, "the next second")
        self.use(berth, second)
        wait_for(lambda: len(self.ledger(berth, "SELECT 1 FROM cached WHERE used < unixepoch()")) == 2, 20, "the next second")
        self.use(berth, first)
        self.use(berth, third)
        wait_for(lambda: not self.has(second), 40, "the least recently used image to go")
        self.assertTrue(self.has(first) and self.has(third) and self.has("busybox"))
        report = self.collect(berth)
        self.assertEqual({each["name"]: each["outcome"] for each in report["images"]}, {first: "kept", third: "kept"})
        self.assertEqual(report["build_cache"], {"freed": 0, "problem": ""})
        shown = json.loads(berth.ok("status", "--json"))["cache"]
        self.assertEqual(shown["images"], 2)
        self.assertIn("cache     2 images", berth.ok("status"))
        self.use(berth, second)  # and comes again

    def test_what_stays_and_why(self):
        berth = self.start(EagerBerth)
        names = {name: self.push(f"{name}:1") for name in ("held", "boxed", "pinned/x", "tagged", "free")}
        job = self.job(berth)
        for name in names.values():
            job.ok("pull", "-q", name)
        box = self.engine.do("create", names["boxed"])
        self.addCleanup(self.engine.docker, "rm", box)
        self.engine.do("tag", names["tagged"], "mine:1")
        self.addCleanup(self.engine.docker, "rmi", "mine:1")
        job.ok("rmi", *(name for key, name in names.items() if key != "held"))
        self.assertEqual(self.why(berth, names["held"]), "kept: a job has it")
        self.assertEqual(self.why(berth, names["boxed"]), "kept: a container uses it")
        self.assertEqual(self.why(berth, names["pinned/x"]), f"kept: pinned by {self.registry.address}/pinned/*")
        self.assertIn(self.why(berth, names["tagged"]), ("kept: the host has it as mine:1", "not of the cache"))
        self.assertFalse(self.has(names["free"]))
        self.assertTrue(self.has("mine:1"))
        self.assertEqual(job.close().code, 0)
        self.collect(berth)
        self.assertEqual([self.has(names[name]) for name in ("held", "boxed", "pinned/x")], [False, True, True])

    def test_a_dry_run_says_what_would_go_and_a_real_one_how_much_came_back(self):
        berth = self.start(RoomyBerth)
        name = self.push("dry:1")
        self.use(berth, name)
        self.assertEqual(self.why(berth, name), "kept: there is room")
        self.berths.remove(berth)
        berth.stop()
        # Without a daemon, under options of its own.
        places = ("--engine", f"unix://{self.engine.socket}", "--state-dir", berth.folder / "state", "--runtime-dir", berth.folder / "run",
                  "--cache-high", "0%", "--cache-low", "0%")
        dry = json.loads(berth.ok("cleanup", "--dry-run", "--json", *places))["cache"]
        self.assertEqual([(each["name"], each["outcome"], each["why"]) for each in dry["images"]], [(name, "would go", "over 0%, down to 0%")])
        self.assertGreaterEqual(dry["freed"], PAYLOAD)
        self.assertTrue(self.has(name))
        self.assertRegex(berth.ok("cleanup", "--dry-run", *places), f"would go .*{name}")
        wet = json.loads(berth.ok("cleanup", "--json", *places))["cache"]
        self.assertEqual(wet["freed"], dry["freed"])
        self.assertIsInstance(wet["returned"], int)
        self.assertFalse(self.has(name))

    def test_what_the_host_has_by_itself_is_not_touched(self):
        before, after = self.push("before:1"), self.push("after:1")
        self.engine.docker.ok("pull", "-q", before)
        berth = self.start(EagerBerth)
        self.engine.docker.ok("pull", "-q", after)
        self.use(berth, before, after)
        self.collect(berth)
        self.assertTrue(self.has(before) and self.has(after) and self.has("busybox"))
        # The name is the host's also when it is another image's by now: that of the registry comes by its digest, and goes.
        self.push("after:1")
        self.engine.do("tag", "busybox", after)
        self.use(berth, after)
        self.collect(berth)
        self.assertEqual(self.engine.docker.ok("inspect", "-f", "{{.Id}}", after), self.engine.docker.ok("inspect", "-f", "{{.Id}}", "busybox"))
        self.assertEqual(self.ledger(berth, "SELECT * FROM cached"), [])

    def test_a_profile_that_keeps_nothing(self):
        berth = self.start(RoomyBerth)
        name, shared = self.push("fresh:1"), self.push("shared:1")
        job, other = self.job(berth, "--profile", "fresh"), self.job(berth, "--profile", "fresh")
        for each in (job, other):
            each.ok("pull", "-q", name)
        job.ok("pull", "-q", shared)
        keeper = self.job(berth)
        keeper.ok("pull", "-q", shared)
        result = job.close()
        self.assertEqual(result.code, 0)
        self.assertFalse(self.has(name), "its name is gone from the host")
        self.assertEqual(len(other.ok("images", "-q", name).split()), 1, "the other job has the image still")
        other.do("create", name)
        self.assertEqual(other.close().code, 0)
        self.assertNotIn(name.split("/")[1].split(":")[0], json.dumps(self.engine.api.get("/images/json?all=1&digests=1")))
        self.assertEqual(keeper.close().code, 0)
        self.assertTrue(self.has(shared), "another profile keeps it")
        self.assertEqual(self.why(berth, shared), "kept: there is room")

    def test_a_profiles_own_limit(self):
        berth = self.start(RoomyBerth)
        small, other = self.push("small:1"), self.push("other:1")
        self.use(berth, other)
        self.use(berth, small, profile="small")
        self.collect(berth)
        self.assertEqual([self.has(small), self.has(other)], [False, True])

    def test_results_of_builds_as_a_cache_for_builds(self):
        berth = self.start(RoomyBerth)
        files = {"Dockerfile": "FROM scratch\nADD payload /\nLABEL a=b\n", "payload": os.urandom(100)}
        words = [job.build("app", files) for job in (self.job(berth, "--profile", "builders"),)][0]
        self.assertNotIn("Using cache", json.dumps(words))
        for job in json.loads(berth.ok("job", "list", "--json")):
            berth.ok("job", "close", job["id"])
        again, stranger = self.job(berth, "--profile", "builders"), self.job(berth)
        self.assertEqual(again.ok("images", "-aq"), "")
        self.assertIn("Using cache", json.dumps(again.build("app", files)))
        self.assertNotIn("Using cache", json.dumps(stranger.build("app", files)))
        self.assertEqual([again.close().code, stranger.close().code], [0, 0])
        kept = [name for image in self.engine.api.get("/images/json") for name in image["RepoTags"] or [] if name.startswith("berth.")]
        self.assertEqual(len(kept), 1)
        self.assertEqual(self.why(berth, kept[0]), "kept: there is room")
        self.assertEqual(json.loads(berth.ok("cleanup", "--json"))["objects"], [])

    def test_a_pull_that_a_crash_cut_off_is_of_the_cache(self):
        berth = self.start(EagerBerth)
        name = self.push("cut:1")
        job = self.job(berth)
        # As if the daemon had been killed between the engine's pull and its own record of it.
        pull = subprocess.Popen([job.docker.cli, "pull", name], env=job.docker.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: pull.poll() is not None or self.ledger(berth, "SELECT 1 FROM cached"), 20, "the pull to be recorded")
        berth.kill()
        pull.wait(30)
        self.engine.docker.ok("pull", "-q", name)
        berth.start()
        self.assertEqual(berth.cli("job", "close", job.id, timeout=120).code, 0)
        self.collect(berth)
        self.assertFalse(self.has(name))
        self.assertEqual(self.ledger(berth, "SELECT * FROM cached"), [])

    def test_watermarks_that_make_no_sense_are_refused(self):
        for high, low, text in (("80%", "90%", "not below"), ("80%", "1GiB", "not of the same kind"), ("much", "10%", "not a watermark")):
            with self.subTest(high=high, low=low):
                berth = RoomyBerth(self.engine)
                berth.flags = ("--cache-high", high, "--cache-low", low)
                with self.assertRaisesRegex(AssertionError, text):
                    berth.start()
