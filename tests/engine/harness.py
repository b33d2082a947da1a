"""berth in front of an engine, jobs behind its doors, and the base of the tests that use them."""

import json
import os
import subprocess
import unittest
from pathlib import Path

from engines import Engine, remove_rest_of_killed_runs
from job import Job
from registries import Registry
from tools import Unavailable, clean_env, run, wait_for

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("BERTH_BINARY") or ROOT / "build/dev/berth")

# The tests' registries are on the loopback of the engine's network namespace, where no job has the engine connect unless a profile says so.
LOCAL_REGISTRIES = 'images.registries_local = ["127.0.0.1:5000", "127.0.0.1:5001"]'


def with_local_registries(rules):
    """The text of a rules file, by which the profiles of berth's own, and those that rest on one, know of the tests' registries."""
    for profile in ("default", "strict", "build-only", "testcontainers", "trusted", "dind"):
        header = f"[profile.{profile}]"
        rules = rules.replace(header, f"{header}\n{LOCAL_REGISTRIES}", 1) if header in rules else f"{rules}\n{header}\n{LOCAL_REGISTRIES}\n"
    return rules


class Berth:
    """The binary, serving one engine."""

    flags = ()  # further ones of `berth serve`
    environment = {}  # of the daemon, besides a clean one
    rules = ""  # of its rules file, besides what the tests' registries need
    supervisor = None  # supervisor.Supervisor: starts the daemon as systemd does

    counter = 0

    def __init__(self, engine):
        if not BINARY.exists():
            raise Unavailable(f"{BINARY} is not built")
        self.engine = engine
        self.engine_socket = engine.socket
        Berth.counter += 1
        self.folder = engine.folder / f"berth{Berth.counter}"
        self.folder.mkdir()
        self.admin = self.folder / "run/admin.sock"
        self.log = self.folder / "log"
        self.process = None
        self.rules_file = self.folder / "rules.toml"
        self.write_rules(self.rules)
        self.flags = (*self.flags, "--rules", self.rules_file)

    def write_rules(self, text):
        self.rules_file.write_text(with_local_registries(text))

    def start(self, *flags, within=None):
        """In the engine's network namespace, as on a host: its bridges are there, and berth's rules among them. `within`: a command that
        starts it elsewhere."""
        argv = [*(within or ["nsenter", f"--net=/run/netns/{self.engine.namespace}"]), BINARY, "serve", "--engine", f"unix://{self.engine_socket}", "--state-dir", self.folder / "state",
                "--runtime-dir", self.folder / "run", *self.flags, *flags]
        if self.supervisor:
            self.process = self.supervisor.start(argv, clean_env(**self.environment), log=self.log)
        else:
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                env=clean_env(**self.environment), start_new_session=True)
        try:
            wait_for(lambda: self.process.poll() is not None or self.cli("status").code == 0, 30, "berth's first answer")
            assert self.process.poll() is None, f"berth serve exited {self.process.returncode}"
        except AssertionError as error:
            raise AssertionError(f"{error}; its log ends with:\n{self.log_tail()}") from None
        return self

    def log_tail(self, lines=20):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def cli(self, *args, timeout=60, input=None, **extra):
        """`berth ARGS` against this daemon."""
        return run([BINARY, *args], input, timeout, clean_env(BERTH_ADMIN=str(self.admin), **extra))

    def ok(self, *args, **options):
        """The stripped stdout of a `berth ARGS` that must succeed."""
        result = self.cli(*args, **options)
        assert result.code == 0, f"`berth {' '.join(args)}` exited {result.code}\nstdout: {result.out}\nstderr: {result.err}"
        return result.out.strip()

    def open_job(self, *args):
        """`berth job open ARGS`."""
        return Job(self, json.loads(self.ok("job", "open", *args, "--json")))

    def stop(self):
        """A clean stop; the exit status."""
        self.process.terminate()
        return self.process.wait(30)

    def kill(self):
        self.process.kill()
        self.process.wait()


class RuledBerth(Berth):
    """berth with rules of a test's own: `rules`, which it may write anew."""


class World:
    """An engine with the host's own `busybox` on it, and berth in front."""

    def __init__(self, kind, berth=Berth):
        remove_rest_of_killed_runs()
        self.engine = Engine(kind)
        self.made_registry = None
        try:
            self.engine.start()
            self.engine.load_busybox()
            self.berth = berth(self.engine).start()
        except BaseException:
            self.engine.wipe()
            raise

    def registry(self):
        """The engine's registry, started by its first use, with `busybox` in it."""
        if not self.made_registry:
            self.made_registry = Registry(self.engine)
            self.made_registry.push("busybox:latest", "busybox")
        return self.made_registry

    def end(self):
        if self.berth.process.poll() is None:
            self.berth.stop()
        if self.made_registry:
            self.made_registry.stop()
        self.engine.wipe()


class EngineCase(unittest.TestCase):
    """A test that needs an engine. The runner sets `kind`; classes of one process share one World.

    After each class its jobs are closed, and the engine must be as it was before the class.
    """

    kind = os.environ.get("BERTH_TEST_ENGINE", "newest")
    world = None
    jobs_wanted = ("job",)  # attributes of the class: jobs with a busybox image, open as long as the class runs
    maxDiff = None
    longMessage = True

    @classmethod
    def setUpClass(cls):
        try:
            if EngineCase.world is None:
                EngineCase.world = World(cls.kind)
        except Unavailable as reason:
            raise unittest.SkipTest(str(reason)) from None
        cls.engine = cls.world.engine
        cls.berth = cls.world.berth
        cls.opened = []
        cls.before = cls.engine.snapshot()
        for name in cls.jobs_wanted:
            setattr(cls, name, cls.open_job())

    @classmethod
    def tearDownClass(cls):
        problems = []
        for job in cls.opened:
            if not job.closed:
                result = job.close()
                if result.code != 0:
                    problems.append(f"job close exited {result.code}: {result.out} {result.err}")
        left = cls.difference()
        if left:
            problems.append(f"the jobs of {cls.__name__} left on the engine: {left}")
        assert not problems, "\n".join(problems)

    @classmethod
    def difference(cls, before=None):
        """What differs on the engine from `before` (default: before the class), as text; empty when nothing does."""
        before = before or cls.before
        now = cls.engine.snapshot()
        return "; ".join(f"{what}: {sign} {', '.join(sorted(names))}" for what in now
                         for sign, names in (("new", now[what] - before[what]), ("gone", before[what] - now[what])) if names)

    @classmethod
    def open_job(cls, *args, busybox=True):
        """Opens a job that the class closes at its end, with a busybox image of its own (`job.image`)."""
        job = cls.berth.open_job(*args)
        cls.opened.append(job)
        if busybox:
            job.load_busybox()
        return job

    def registry(self):
        try:
            return self.world.registry()
        except Unavailable as reason:
            self.skipTest(str(reason))

    def fetch(self, address, path="/", timeout=10):
        """The body that a web server in a container answers, asked from the engine's network namespace, once it listens."""
        def get():
            result = self.engine.inside("curl", "-sgf", "--max-time", "3", f"http://{address}{path}")
            return result if result.code == 0 else None
        return wait_for(get, timeout, f"an answer of http://{address}{path}", 0.1).out

    def refused(self, result, *texts, code=None):
        """`result` is a failure whose message has each of `texts`, and shows no real name."""
        self.assertNotEqual(result.code, 0, f"was not refused; stdout: {result.out}")
        if code is not None:
            self.assertEqual(result.code, code, result.err)
        for text in texts:
            self.assertIn(text.lower(), (result.err + result.out).lower())
        self.assert_private(result.err + result.out)

    def assert_private(self, text):
        self.assertNotRegex(text, r"berth\.[a-z2-7]{26}", "a real name is shown")


class RuledCase(EngineCase):
    """A test of rules: `ruled` is a daemon of the class's own, made by `ruled_by`."""

    jobs_wanted = ()
    ruled_by = RuledBerth

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ruled = cls.ruled_by(cls.engine).start()

    @classmethod
    def tearDownClass(cls):
        cls.ruled.stop()
        super().tearDownClass()

    def open(self, *args, busybox=True):
        job = self.ruled.open_job(*args)
        self.addCleanup(lambda: job.closed or job.close())
        if busybox:
            job.load_busybox()
        return job


def end_world():
    """Removes what the tests of this process shared."""
    if EngineCase.world:
        EngineCase.world.end()
        EngineCase.world = None
