"""`berth cleanup`: what is left of jobs that are over, with the daemon and without one."""

import json
import os
import shutil
import sqlite3
import subprocess
import threading
import time

import attacks
from harness import BINARY, Berth, EngineCase
from tools import clean_env, wait_for

ENGINES = ("distribution",)

UNKNOWN = "unknown" + "2" * 19  # as a key, of no job


class Cleanup(EngineCase):
    jobs_wanted = ()

    def setUp(self):
        self.at_start = self.engine.snapshot()

    def cleanup(self, *args, code=0):
        places = ("--engine", f"unix://{self.engine.socket}", "--state-dir", self.berth.folder / "state", "--runtime-dir", self.berth.folder / "run")
        result = self.berth.cli("cleanup", "--json", *args, *places, timeout=120)
        self.assertEqual(result.code, code, result.err)
        return json.loads(result.out)

    def leave(self, key):
        """One object of each kind on the engine, as a job `key` would have made it."""
        labels = ("--label", f"berth.key={key}", "--label", "berth.job=x")
        docker = self.engine.docker
        docker.ok("network", "create", *labels, f"berth.{key}.net")
        docker.ok("volume", "create", *labels, f"berth.{key}.vol")
        docker.ok("create", *labels, "--name", f"berth.{key}.box", "--network", f"berth.{key}.net", "-v", f"berth.{key}.vol:/v", "busybox", "x")
        docker.ok("tag", "busybox", f"berth.{key}/docker.io/library/app:1")

    def outcomes(self, report):
        return sorted((each["kind"], each["name"], each["outcome"]) for each in report["objects"])

    def kinds(self, outcome):
        return sorted([("container", "box", outcome), ("image", "app:1", outcome), ("network", "net", outcome), ("volume", "vol", outcome)])

    def assert_as_before(self):
        self.assertEqual(self.difference(self.at_start), "")

    def closed_job(self):
        job = self.open_job(busybox=False)
        self.assertEqual(job.close().code, 0)
        return job

    def test_nothing_is_left(self):
        self.assertEqual(self.outcomes(self.cleanup("--dry-run")), [])
        result = self.berth.cli("cleanup")
        # What it keeps of the cache of images, it lists behind that.
        self.assertEqual((result.code, result.out.splitlines()[0]), (0, "nothing is left of any job"))

    def test_what_is_left_of_a_closed_job_goes(self):
        key = self.closed_job().key
        self.leave(key)
        self.assertEqual(self.outcomes(self.cleanup("--dry-run")), self.kinds("would go"))
        self.assertIn("would go  container box", self.berth.ok("cleanup", "--dry-run"))
        self.assertNotEqual(self.difference(self.at_start), "")
        self.assertEqual(self.outcomes(self.cleanup()), self.kinds("gone"))
        self.assert_as_before()

    def test_without_a_daemon(self):
        key = self.closed_job().key
        stays, over = self.open_job(busybox=False), self.open_job("--ttl", "15s", busybox=False)  # it is open until the kill, on a slow machine too
        its_end = time.time() + 16
        for job in (over, stays):
            job.do("volume", "create", "data")
        over.closed = True
        self.berth.kill()
        try:
            self.leave(key)
            time.sleep(max(0, its_end - time.time()))
            over_line = ("volume", "data", "would go")
            self.assertEqual(self.outcomes(self.cleanup("--dry-run")), sorted(self.kinds("would go") + [over_line]))
            self.assertEqual(self.outcomes(self.cleanup()), sorted(self.kinds("gone") + [("volume", "data", "gone")]))
        finally:
            self.berth.start()
        self.assertEqual(stays.ok("volume", "ls", "-q"), "data")
        self.assertNotIn(over.key, self.berth.ok("job", "list", "--json"))

    def test_what_no_ledger_knows_is_kept_unless_asked_for(self):
        self.leave(UNKNOWN)
        self.assertEqual(self.outcomes(self.cleanup()), self.kinds("kept"))
        self.assertEqual(self.outcomes(self.cleanup("--orphans", "--dry-run")), self.kinds("would go"))
        self.assertEqual(self.outcomes(self.cleanup("--orphans")), self.kinds("gone"))
        self.assert_as_before()

    def test_the_ledger_was_lost(self):
        job = self.open_job()
        job.closed = True
        job.do("run", "-d", "--name", "box", "-v", "data:/v", "-p", "80", job.image, "sleep", "600")
        self.berth.kill()
        shutil.rmtree(self.berth.folder / "state")
        self.berth.start()
        names = {(kind, name) for kind, name, outcome in self.outcomes(self.cleanup("--dry-run")) if outcome == "kept"}
        self.assertLessEqual({("container", "box"), ("volume", "data"), ("network", "bridge"), ("image", "own-busybox:latest")}, names)
        self.cleanup("--orphans")
        self.assert_as_before()

    @attacks.shows("G-01", "labels give no authority")
    def test_what_only_looks_like_a_jobs_is_the_hosts(self):
        key = self.closed_job().key
        docker = self.engine.docker
        try:
            docker.ok("create", "--label", f"berth.key={key}", "--name", "ordinary", "busybox", "x")
            docker.ok("create", "--label", f"berth.key={key}", "--name", f"berth.{key[:-1]}.short", "busybox", "x")
            docker.ok("volume", "create", "--label", f"berth.key={key}", f"my-berth.{key}.data")
            docker.ok("network", "create", "--label", f"berth.key={key}", "--label", "berth.job=x", "ordinary")
            self.assertEqual(self.outcomes(self.cleanup("--orphans")), [])
            self.assertEqual(docker.ok("ps", "-aq", "--filter", "name=ordinary", "--filter", "name=short").count("\n"), 1)
        finally:
            docker("rm", "-f", "ordinary", f"berth.{key[:-1]}.short")
            docker("volume", "rm", f"my-berth.{key}.data")
            docker("network", "rm", "ordinary")

    def test_a_real_name_tells_whatever_the_labels_say(self):
        key = self.closed_job().key
        docker = self.engine.docker
        docker.ok("create", "--name", f"berth.{key}.unlabelled", "busybox", "x")
        docker.ok("volume", "create", "--label", f"berth.key={UNKNOWN}", f"berth.{key}.another")
        self.assertEqual(self.outcomes(self.cleanup()), [("container", "unlabelled", "gone"), ("volume", "another", "gone")])
        self.assert_as_before()

    def test_two_at_once(self):
        key = self.closed_job().key
        self.leave(key)
        codes = []
        threads = [threading.Thread(target=lambda: codes.append(self.berth.cli("cleanup", timeout=120).code)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(codes, [0, 0, 0])
        self.assert_as_before()

    def test_an_open_jobs_objects_stay(self):
        job = self.open_job()
        job.do("run", "-d", "--name", "box", "-v", "data:/v", job.image, "sleep", "600")
        self.assertEqual(self.outcomes(self.cleanup("--orphans")), [])
        self.assertEqual(job.ok("ps", "--format", "{{.Names}}"), "box")
        self.assertEqual(job.close().code, 0)

    def test_what_was_removed_by_hand_leaves_the_ledger(self):
        job = self.open_job()
        job.do("create", "--name", "box", job.image, "x")
        job.do("volume", "create", "data")
        job.do("network", "create", "net")
        job.do("tag", job.image, "app:1")
        self.berth.kill()
        for command in (("rm", f"berth.{job.key}.box"), ("volume", "rm", f"berth.{job.key}.data"), ("network", "rm", f"berth.{job.key}.net"),
                        ("rmi", f"berth.{job.key}/docker.io/library/app:1")):
            self.engine.docker.ok(*command)
        self.berth.start()
        # Its default network stays.
        wait_for(lambda: job.show()["objects"] == {"container": 0, "image": 1, "network": 1, "volume": 0}, 20, "the rows to go")
        job.do("create", "--name", "box", job.image, "x")
        self.assertEqual(job.close().code, 0)

    def fill_ledger(self, file, jobs):
        """So many ended jobs, half of them of two months ago; each had twenty objects and ten refusals."""
        now = int(time.time())
        with sqlite3.connect(file) as ledger:
            for number in range(jobs):
                key, ended = f"{number:026d}", now - (60 * 86400 if number < jobs // 2 else 3600)
                ledger.execute("INSERT INTO jobs (key, id, profile, state, labels, anchor, workspace, created, ended, deadline)"
                               " VALUES (?, ?, 'default', 'closed', '{}', '', '', ?, ?, 0)", (key, f"build-{number}", ended - 600, ended))
                ledger.executemany("INSERT INTO objects (row, job, kind, state, origin, id, name, real, parent, created) VALUES (?, ?, 'container', 'gone', 'made', ?, 'box', ?, '', ?)",
                                   [(1 + number * 20 + each, key, os.urandom(32).hex(), f"berth.{key}.box", ended - 300) for each in range(20)])
                ledger.executemany("INSERT INTO refusals (job, nth, endpoint, field, rule, value, at) VALUES (?, ?, 'container.create', 'HostConfig.Privileged', 'privileged', 'true', ?)",
                                   [(key, each + 1, ended - 300) for each in range(10)])
                ledger.execute("INSERT INTO reaps (job, started, finished, removed, left, detail) VALUES (?, ?, ?, 20, 0, '{}')", (key, ended, ended))
        ledger.close()

    def test_a_thousand_ended_jobs(self):
        own = Berth(self.engine)
        own.start().stop()
        file = own.folder / "state/berth.db"
        self.fill_ledger(file, 1000)
        size = file.stat().st_size
        words = ["nsenter", f"--net=/run/netns/{self.engine.namespace}", BINARY, "cleanup", "--json", "--engine", f"unix://{self.engine.socket}", "--state-dir", own.folder / "state",
                 "--runtime-dir", own.folder / "run"]
        began = time.monotonic()
        process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, env=clean_env(BERTH_ADMIN=str(own.admin)))
        report = json.loads(process.stdout.read())
        process.stdout.close()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        alone = time.monotonic() - began
        self.assertEqual((process.returncode, report["objects"], report["forgotten"]), (0, [], 500))
        self.assertLess(file.stat().st_size, size * 3 // 4, "the space of what was forgotten is given back")

        own.start()
        began = time.monotonic()
        own.ok("cleanup")
        beside = time.monotonic() - began
        memory = next(line.split()[1] for line in open(f"/proc/{own.process.pid}/status") if line.startswith("VmRSS"))
        print(f"       1000 ended jobs: alone {alone:.2f} s, {used.ru_maxrss / 1024:.0f} MiB; by the daemon {beside:.2f} s, {int(memory) / 1024:.0f} MiB", flush=True)
        self.assertEqual(own.stop(), 0)
