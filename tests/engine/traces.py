"""A job that makes some of everything, and all the places of the host where something of it could be left."""

import os
import re
import sqlite3
from pathlib import Path

from harness import EngineCase, RuledBerth
from tools import run


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
