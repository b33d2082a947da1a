"""Ten jobs run one compose project at the same time: each has its own build, its own port, its own volume, its own content."""

import json
import threading
import unittest

from harness import EngineCase
from toolchains import reason_of
from tools import busybox_rootfs, wait_for

ENGINES = ("newest",)

JOBS = 10
PROJECT = """
services:
  web:
    image: base:latest
    command: sh -c 'echo {word} >/index.html; exec httpd -f -p 80 -h /'
    ports: ["8080:80"]
  db:
    image: base:latest
    command: sh -c 'cat /data/* >/before 2>/dev/null; echo {word} >/data/{word}; exec sleep 1000'
    volumes: ["data:/data"]
  worker:
    build: .
    image: worker:latest
    command: sh -c 'cat /word; exec sleep 1000'
    depends_on: [web, db]
volumes:
  data: {{}}
"""


class TenJobs(EngineCase):
    jobs_wanted = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not (cls.engine.toolchain.plugins / "docker-compose").exists():
            cls.tearDownClass()  # which unittest leaves out for a class that skips itself
            raise unittest.SkipTest("no docker-compose: " + reason_of("newest"))  # whose plugins the distribution's engine is given

    def prepare(self, job):
        """The project's folder; its name is the same in every job."""
        folder = self.engine.folder / f"ten-{job.key[:6]}/shop"
        folder.mkdir(parents=True)
        (folder / "compose.yaml").write_text(PROJECT.format(word=job.key))
        (folder / "Dockerfile").write_text(f"FROM base\nRUN echo {job.key} >/word\n")
        return folder

    def come_up(self, job, folder):
        """A tag that is built, and the project on top of it."""
        job.build("base", {"Dockerfile": "FROM scratch\nADD rootfs.tar /\nCMD [\"sh\"]\n", "rootfs.tar": busybox_rootfs()})
        job.ok("compose", "up", "-d", "--build", cwd=folder, timeout=180)

    def at_once(self, work, jobs):
        """Does `work` for all jobs at once; the failures of all are one failure."""
        failures = []

        def one(job):
            try:
                work(job)
            except Exception as error:
                failures.append(f"{job.id}: {error}")

        threads = [threading.Thread(target=one, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def check(self, job, jobs):
        """The job finds its own content behind its own port, and of the others nothing anywhere."""
        self.assertEqual(self.fetch(f"{job.address()}:8080", timeout=60).strip(), job.key)
        containers = {each["Names"][0]: each for each in job.api.get("/containers/json")}
        self.assertEqual(sorted(containers), ["/shop-db-1", "/shop-web-1", "/shop-worker-1"])
        self.assertEqual([(each["PrivatePort"], each["PublicPort"]) for each in containers["/shop-web-1"]["Ports"]], [(80, 8080)])
        inside = "cat /word /index.html 2>/dev/null; ls /data 2>/dev/null; cat /before 2>/dev/null; wget -qO- http://web/"
        for name in ("shop-db-1", "shop-worker-1"):
            seen = wait_for(lambda: job.ok("exec", name, "sh", "-c", inside), 60, f"an answer in {name} of {job.id}", 0.3)
            self.assertEqual(set(seen.split()), {job.key}, name)
        self.assertEqual(wait_for(lambda: job.ok("logs", "shop-worker-1"), 30, "the worker's log"), job.key)
        self.assertEqual(job.ok("volume", "ls", "-q"), "shop_data")
        read = json.dumps([job.api.get(path) for path in ("/containers/json", "/networks", "/volumes", "/images/json", "/system/df")])
        self.assertIn("shop-web-1", read)
        self.assertEqual([other.id for other in jobs if other is not job and other.key in read], [])

    def test_ten_jobs_run_the_same_project_at_once(self):
        at_start = self.engine.snapshot()
        jobs = [self.open_job(busybox=False) for _ in range(JOBS)]
        folders = {job: self.prepare(job) for job in jobs}
        self.at_once(lambda job: self.come_up(job, folders[job]), jobs)
        self.assertEqual(len({job.address() for job in jobs}), JOBS)
        self.at_once(lambda job: self.check(job, jobs), jobs)
        workers = {job.ok("inspect", "-f", "{{.Id}}", "worker") for job in jobs}
        self.assertEqual(len(workers), JOBS, "each job's worker is its own image")

        def end(job):
            result = job.close("120s")
            assert result.code == 0, result.out + result.err

        self.at_once(end, jobs)
        self.assertEqual(self.difference(at_start), "")
