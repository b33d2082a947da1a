"""After `berth job close` nothing of the job is on the host either: rules, leases, cgroups, mounts, devices, tags, files."""

import json
import os
import re
import signal
import sqlite3
from pathlib import Path

from engines import Registry
from harness import Berth, EngineCase
from tools import busybox_rootfs, wait_for


class LimitedBerth(Berth):
    flags = ("--job-memory", "512MB", "--job-pids", "400")  # so that there are cgroups


class HostCase(EngineCase):
    jobs_wanted = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.own = LimitedBerth(cls.engine).start()

    @classmethod
    def tearDownClass(cls):
        for facts in json.loads(cls.own.ok("job", "list", "--json")):
            cls.own.cli("job", "close", facts["id"], timeout=120)
        cls.own.stop()
        super().tearDownClass()

    def setUp(self):
        self.work = self.engine.folder / f"host-{self._testMethodName}"
        (self.work / "sub").mkdir(parents=True)
        self.at_start = self.engine.snapshot()
        self.links_at_start = self.links()
        self.job = self.own.open_job("--workspace", str(self.work))
        self.key = self.job.key

    def rows(self, query):
        ledger = sqlite3.connect(f"file:{self.own.folder}/state/berth.db?mode=ro", uri=True)
        try:
            return ledger.execute(query, (self.key,)).fetchall()
        finally:
            ledger.close()

    def links(self):
        """The network devices beside the engine's own, without the ends that are in containers."""
        return {name.split("@")[0] for name in re.findall(r"^\d+: (\S+):", self.engine.inside("ip", "-o", "link").out, re.M)} - {"docker0"}

    def traces(self, addresses=(), bridges=()):
        """What there is of the job outside of the engine's lists: `what: text`, empty when there is nothing."""
        found = []

        def look(what, lines, *words):
            found.extend(f"{what}: {line.strip()}" for line in lines if any(word in line for word in words))

        inside = [*addresses, *bridges, self.key]
        look("nftables", self.engine.inside("nft", "list", "ruleset").out.splitlines(), *inside)
        look("iptables", self.engine.inside("iptables-save").out.splitlines(), *inside)
        look("route", self.engine.inside("ip", "route").out.splitlines(), *inside)
        look("device", self.engine.inside("ip", "-o", "link").out.splitlines(), *inside)
        found += [f"lease: {row}" for row in self.rows("SELECT network, subnet, bridge FROM leases WHERE job = ?")]
        root = Path("/sys/fs/cgroup")
        found += [f"cgroup: {each}" for each in (*root.glob(f"*/berth/{self.key}"), *root.glob(f"berth/{self.key}"))]
        for process in ("self", self.own.process.pid, self.engine.process.pid):
            look(f"mount of {process}", Path(f"/proc/{process}/mounts").read_text().splitlines(), self.key)
        for folder in (self.own.folder, self.engine.folder / "data"):
            found += [f"file: {parent}/{name}" for parent, folders, files in os.walk(folder) for name in (*folders, *files) if self.key in name]
        images = self.engine.api.get("/images/json?all=1")
        look("tag", [name for each in images for name in (each["RepoTags"] or []) + (each["RepoDigests"] or [])], self.key)
        look("volume", [each["Name"] for each in self.engine.api.get("/volumes")["Volumes"] or []], self.key)
        look("network", [each["Name"] for each in self.engine.api.get("/networks")], self.key)
        look("container", [" ".join(each["Names"]) for each in self.engine.api.get("/containers/json?all=1")], self.key)
        look("process", self.processes(), self.key, *(f"{address} " for address in addresses))
        return found

    def processes(self):
        """The command lines of what runs in the engine's network namespace: docker-proxy, and berth itself."""
        namespace = os.stat(f"/run/netns/{self.engine.namespace}").st_ino
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.stat(entry / "ns/net").st_ino == namespace:
                    yield (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            except OSError:
                pass  # it ended meanwhile

    def fill(self):
        """Something of each kind; what it has on the host is there, so the search finds what it looks for."""
        job = self.job
        job.build_busybox()
        job.build("child", {"Dockerfile": f"FROM {job.image}\nRUN echo child >/child\nVOLUME /declared\n"})
        job.ok("network", "create", "app")
        job.ok("network", "create", "--subnet", "10.91.0.0/24", "chosen")
        job.ok("run", "-d", "--name", "web", "-p", "8080:80", "-p", "9053:53/udp", "-v", f"{self.work}/sub:/bound", "-v", "data:/data", "-v", "/anonymous",
               "child", "httpd", "-f", "-p", "80", "-h", "/etc")
        job.ok("run", "-d", "--name", "db", "--network", "app", "--volumes-from", "web", "-P", job.image, "sleep", "100000")
        job.ok("network", "connect", "chosen", "db")
        job.ok("exec", "-d", "web", "sleep", "100000")
        job.ok("create", "-v", f"{self.work}/sub:/bound:ro", "--name", "made", job.image)
        job.ok("commit", "made", "committed:1")
        bridges = [row[0] for row in self.rows("SELECT bridge FROM leases WHERE job = ?")]
        addresses = [job.address(), "10.91.0."]
        kinds = {each.split(":")[0].split(" ")[0] for each in self.traces(addresses, bridges)}
        self.assertLessEqual({"nftables", "iptables", "route", "device", "lease", "cgroup", "file", "tag", "volume", "network", "container"}, kinds)
        self.assertEqual(len(bridges), 3)
        return addresses, bridges

    def assert_no_trace(self, addresses=(), bridges=()):
        # A device goes a moment after its network, and a process a moment after its container.
        wait_for(lambda: not self.traces(addresses, bridges) and self.links() == self.links_at_start, 20,
                 f"an end of what is left: {self.traces(addresses, bridges)} {self.links() ^ self.links_at_start}", 0.5)
        self.assertEqual(self.difference(self.at_start), "")

    def close(self):
        result = self.job.close()
        self.assertEqual(result.code, 0, result.out + result.err)


class OnTheHost(HostCase):
    def test_everything_goes_with_the_job(self):
        there = self.fill()
        self.close()
        self.assert_no_trace(*there)

    def test_everything_goes_after_a_kill_of_the_daemon(self):
        there = self.fill()
        self.own.kill()
        self.own.start()
        self.close()
        self.assert_no_trace(*there)

    def test_another_jobs_things_stay(self):
        other = self.own.open_job()
        other.build_busybox()
        other.ok("run", "-d", "--name", "web", "-p", "8080:80", other.image, "httpd", "-f", "-p", "80", "-h", "/etc")
        there = self.fill()
        self.close()
        wait_for(lambda: not self.traces(*there), 20, "an end of what is left", 0.5)
        self.assertIn("root:", self.fetch(f"{other.address()}:8080", "/passwd"))
        table = other.show()["isolation"]["table"]
        self.assertIn(other.address().rsplit(".", 1)[0], self.engine.inside("nft", "list", "table", "inet", table).out)
        self.assertEqual(other.close().code, 0)
        self.assert_no_trace(*there)

    def test_a_job_that_makes_nothing_makes_nothing(self):
        self.job.ok("ps", "-a")
        self.job.ok("images")
        self.job.ok("network", "ls")
        self.job.ok("volume", "ls")
        self.job.ok("info")
        self.assertTrue(self.job.address(), "the address of its network is known")
        self.assertEqual(self.difference(self.at_start), "")
        self.assertEqual(self.links(), self.links_at_start)
        left = [each for each in self.traces([self.job.address()]) if not re.match(r"lease: |cgroup: |file: .*/run/(jobs|pins)/\w+$", each)]
        self.assertEqual(left, [])
        self.close()
        self.assert_no_trace()

    def test_a_job_that_needs_no_network_gets_none(self):
        self.job.docker.ok("import", "-", self.job.image, input=busybox_rootfs(), text=False)  # a build may want to reach something
        self.job.ok("run", "--rm", "--network", "none", self.job.image, "true")
        self.job.ok("volume", "create", "data")
        self.assertEqual(self.links(), self.links_at_start)
        self.assertEqual([each["Name"] for each in self.engine.api.get("/networks") if self.key in each["Name"]], [])
        self.close()
        self.assert_no_trace()


class PublicNames(HostCase):
    """The public name of a push is on the engine as long as the push lasts, and no longer, whatever ends it."""

    def setUp(self):
        self.registry()
        super().setUp()
        self.name = f"{Registry.address}/cut/{self._testMethodName.replace('_', '-')}:1"
        self.addCleanup(lambda: self.engine.docker("rmi", self.name))

    def tags(self):
        """What the public name stands for on the engine; None when it is not there."""
        result = self.engine.docker("image", "inspect", "-f", "{{.Id}} {{.RepoTags}}", self.name)
        return result.out.strip() if result.code == 0 else None

    def start_push(self):
        """A push that hangs in the registry, with the public name on the engine."""
        job, registry = self.job, self.registry()
        job.build_busybox()
        job.build(self.name, {"Dockerfile": f"FROM {job.image}\nRUN echo {self.name} >/name\n"})
        before = self.tags()
        registry.process.send_signal(signal.SIGSTOP)
        self.addCleanup(registry.process.send_signal, signal.SIGCONT)
        push = job.docker.start("push", self.name)
        self.addCleanup(push.communicate)
        self.addCleanup(push.kill)
        wait_for(lambda: self.tags() != before, 20, "the public name on the engine")
        return push

    def assert_unseen(self):
        other = self.own.open_job()
        self.refused(other.docker("image", "inspect", self.name), "no such image")
        self.assertEqual(other.ok("images", "-q"), "")
        self.assertEqual(other.close().code, 0)

    def test_during_a_push_and_after_it(self):
        push = self.start_push()
        self.assert_unseen()
        self.registry().process.send_signal(signal.SIGCONT)
        out, err = push.communicate(timeout=60)
        self.assertEqual(push.returncode, 0, out + err)
        self.assertIsNone(self.tags())
        self.close()
        self.assert_no_trace()

    def test_a_client_that_goes(self):
        push = self.start_push()
        push.kill()
        self.registry().process.send_signal(signal.SIGCONT)
        wait_for(lambda: self.tags() is None, 60, "an end of the public name")
        self.close()
        self.assert_no_trace()

    def test_a_daemon_that_is_killed(self):
        self.start_push()
        self.own.kill()
        self.registry().process.send_signal(signal.SIGCONT)
        self.own.start()
        self.close()
        self.assertIsNone(self.tags())
        self.assert_no_trace()

    def test_a_daemon_that_is_killed_leaves_the_hosts_own_tag_as_it_was(self):
        self.engine.docker.ok("tag", "busybox", self.name)
        self.at_start = self.engine.snapshot()
        before = self.tags()
        self.start_push()
        self.own.kill()
        self.registry().process.send_signal(signal.SIGCONT)
        self.own.start()
        self.close()
        self.assertEqual(self.tags(), before)
        self.assert_no_trace()

    def test_a_job_that_is_closed(self):
        self.start_push()
        self.close()
        self.assertIsNone(self.tags())
        self.assert_no_trace()
