"""After `berth job close` nothing of the job is on the host: not in what the engine lists, nor in the places that no engine lists."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

from harness import EngineCase, RuledBerth
from tools import run, tar_of, wait_for

ENGINES = ("newest",)


class Limited(RuledBerth):
    rules = """
        [profile.default]
        limits.job = { memory = "1GB", cpus = 2, pids = 500 }
    """


class HostCase(EngineCase):
    jobs_wanted = ()
    rules_before = frozenset()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.served = Limited(cls.engine).start()

    @classmethod
    def tearDownClass(cls):
        cls.served.stop()
        super().tearDownClass()

    def setUp(self):
        self.before = self.engine.snapshot()
        self.rules_before = frozenset(self.rules())
        self.workspace = self.engine.folder / "reap-work"
        (self.workspace / "sub").mkdir(parents=True, exist_ok=True)
        self.job = self.served.open_job("--workspace", str(self.workspace))
        self.address = self.job.address()
        self.addCleanup(self.end)

    def end(self):
        if self.served.process.poll() is not None:
            self.served.start()
        if self.job.key in self.served.ok("job", "list", "--json"):
            self.served.cli("job", "close", self.job.id, timeout=90)

    def ledger(self, query):
        ledger = sqlite3.connect(f"file:{self.served.folder}/state/berth.db?mode=ro", uri=True)
        try:
            return [tuple(row) for row in ledger.execute(query, (self.job.key,))]
        finally:
            ledger.close()

    def live(self):
        """Makes something that stays in every place where a job can leave something."""
        job = self.job
        job.load_busybox()
        job.do("network", "create", "app")
        job.ok("network", "create", "--subnet", "10.79.0.0/24", "chosen")
        job.do("run", "-d", "--name", "web", "--stop-signal", "KILL", "-p", "8080:80", "-v", f"{self.workspace}/sub:/w", "-v", "named:/named", "-v", "/anonymous",
               "-v", "/var/run/docker.sock:/var/run/docker.sock", job.image, "sleep", "1000")
        for network in ("app", "chosen"):
            job.do("network", "connect", network, "web")
        job.do("run", "--name", "done", "-v", "/left", "--network", "app", job.image, "true")
        job.do("create", "--name", "orphan", "-v", "/orphaned", job.image)
        job.do("rm", "orphan")  # its volume stays
        status, made = job.api.call("POST", "/containers/web/exec", {"Cmd": ["sleep", "1000"]})
        self.assertEqual(status, 201, made)
        self.assertEqual(job.api.call("POST", f"/exec/{made['Id']}/start", {"Detach": True})[0], 200)
        job.build("built:1", {"Dockerfile": f"FROM {job.image}\nRUN echo built >/x\n"})
        job.build("built:1", {"Dockerfile": f"FROM {job.image}\nRUN echo again >/x\n"})  # the first is nameless now
        job.do("tag", "built:1", "some.host:5000/path/tagged:2")
        job.ok("commit", "done", "committed")
        self.learn()

    def learn(self):
        """By what the host's places know the job, while it is open."""
        leases = self.ledger("SELECT subnet, bridge FROM leases WHERE job = ?")
        self.devices = [bridge for _, bridge in leases]
        self.subnets = [subnet for subnet, _ in leases if subnet]

    def rules(self):
        """The lines of the packet filter that were not there before the job: an engine that was killed leaves rules of its own."""
        return [line for line in self.engine.inside("nft", "-s", "list", "ruleset").out.splitlines() if line not in self.rules_before]

    @staticmethod
    def named_in(words, lines):
        """Those of `words` that stand in `lines`, not as a part of a longer address."""
        return [word for word in words if any(re.search(rf"(?<![\w.]){re.escape(word)}(?![\w.])", line) for line in lines)]

    def traces(self):
        """What of the job is in each place."""
        key, real = self.job.key, f"berth.{self.job.key}"
        api = self.engine.api
        links = self.engine.inside("ip", "-o", "link").out
        images = api.get("/images/json?all=1")
        mounts = [line for pid in {"self", self.served.process.pid, self.engine.process.pid}
                  for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines() if key in line]
        files = run(["find", self.engine.folder, "-name", "overlay2", "-prune", "-o", "-name", f"*{key}*", "-print"]).out.splitlines()
        return {
            "rules of the packet filter": self.named_in((*self.devices, *self.subnets, self.address), self.rules()),
            "devices": [name for name in self.devices if f" {name}:" in links],
            "leases": self.ledger("SELECT network FROM leases WHERE job = ?"),
            "objects of the ledger": self.ledger("SELECT kind, real, state FROM objects WHERE job = ? AND state <> 'gone'"),
            "cgroups": [str(each) for pattern in (f"*/berth/{key}", f"berth/{key}", f"*berth-{key}.slice") for each in Path("/sys/fs/cgroup").glob(pattern)],
            "mounts": mounts,
            "files": files,
            "processes": [text for text in self.processes() if key in text or f"-host-ip {self.address} " in text],
            "containers": [each["Names"] for each in api.get("/containers/json?all=1") if each["Labels"].get("berth.key") == key],
            "networks": [each["Name"] for each in api.get("/networks") if each["Name"].startswith(real)],
            "volumes": [each["Name"] for each in api.get("/volumes")["Volumes"] or [] if each["Name"].startswith(real) or
                        (each.get("Labels") or {}).get("berth.key") == key],
            "image names": [name for each in images for name in [*(each["RepoTags"] or []), *(each["RepoDigests"] or [])] if name.startswith(real)],
        }

    def processes(self):
        """Command line and cgroups of every process in the engine's network namespace, and in those of its containers."""
        def namespace(process):
            return os.stat(process / "ns/net").st_ino
        found = []
        # Engines side by side have the same addresses, each in a namespace of its own.
        ours, outside = os.stat(f"/run/netns/{self.engine.namespace}").st_ino, namespace(Path("/proc/self"))
        for each in Path("/proc").glob("[0-9]*"):
            try:
                words = (each / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if namespace(each) == ours or (namespace(each) != outside and "docker-proxy" not in words):
                    found.append(words + (each / "cgroup").read_text())
            except OSError:
                pass  # it ended meanwhile
        return found

    def assert_nothing(self):
        self.assertEqual({what: left for what, left in self.traces().items() if left}, {})
        self.assertEqual(self.difference(self.before), "")
        self.assertTrue((self.workspace / "sub").is_dir(), "the workspace is the host's")

    def assert_closed(self):
        result = self.job.close()
        self.assertEqual(result.code, 0, result.out + result.err)
        self.assert_nothing()


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


class PushCutOff(HostCase):
    """A push lends the image its public name. The registry is stopped, so that the push is under way for as long as the test wants."""

    def setUp(self):
        try:
            self.made = self.world.registry()
        except Exception as reason:  # no registry on this machine
            self.skipTest(str(reason))
        super().setUp()
        self.name = f"{self.made.address}/lent/{self._testMethodName.replace('_', '-')}:1"
        self.job.load_busybox()
        self.job.do("tag", self.job.image, self.name)
        self.learn()

    def on_the_engine(self):
        """The image that has the public name, and its digests under it."""
        return sorted((each["Id"], name) for each in self.engine.api.get("/images/json?all=1") for name in [*(each["RepoTags"] or []), *(each["RepoDigests"] or [])]
                      if name.startswith(self.name.rsplit(":", 1)[0]))

    def begin_push(self):
        before = self.on_the_engine()
        self.made.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.made.process.send_signal, signal.SIGCONT)
        push = self.job.docker.start("push", self.name)
        self.addCleanup(push.communicate)
        self.addCleanup(push.kill)
        wait_for(lambda: self.on_the_engine() != before, 30, "the public name on the engine")
        return push

    def test_by_the_kill_of_berth(self):
        self.begin_push()
        self.served.kill()
        self.assertEqual([name for _, name in self.on_the_engine()], [self.name], "the test missed the push")
        self.made.process.send_signal(signal.SIGCONT)
        self.served.start()
        self.assert_closed()
        self.assertEqual(self.on_the_engine(), [])

    def test_over_a_name_of_the_hosts(self):
        self.engine.do("tag", "busybox", self.name)
        self.addCleanup(self.engine.docker, "rmi", self.name)
        before = self.on_the_engine()
        self.refused(self.job.docker("push", self.name), "the host has an image of its own")
        self.assertEqual(self.on_the_engine(), before)
        self.assert_closed()
        self.assertEqual(self.on_the_engine(), before)

    def test_by_the_close_of_the_job(self):
        self.begin_push()
        self.assert_closed()
        self.assertEqual(self.on_the_engine(), [])

    def test_by_the_kill_of_the_client(self):
        self.begin_push().kill()
        wait_for(lambda: self.on_the_engine() == [], 60, "the public name to go with the push")
        self.assertEqual(self.job.ok("images", "-q", self.name.rsplit(":", 1)[0]), self.job.ok("images", "-q", self.job.image))
        self.assert_closed()
