"""Docker Compose v2 through doors: two jobs run one project at once, and neither has anything of the other."""

import threading
import unittest

from harness import EngineCase
from toolchains import reason_of
from tools import wait_for

ENGINES = ("newest",)

PROJECT = """
services:
  db:
    image: {image}
    command: httpd -f -p 80 -h /data
    volumes: ["data:/data"]
    healthcheck: {{test: ["CMD", "true"], interval: 1s}}
  app:
    image: {image}
    command: sh -c 'echo {word} >/data/index.html; httpd -f -p 80 -h /data'
    volumes: ["data:/data"]
    networks: {{default: {{aliases: [application]}}}}
    ports: ["8080:80"]
    depends_on: {{db: {{condition: service_healthy}}}}
  check:
    image: {image}
    command: sleep 1000
    depends_on: [app]
volumes:
  data: {{}}
"""


class Compose(EngineCase):
    jobs_wanted = ("one", "two")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not (cls.engine.toolchain.plugins / "docker-compose").exists():
            cls.tearDownClass()  # which unittest leaves out for a class that skips itself
            raise unittest.SkipTest("no docker-compose: " + reason_of("newest"))
        for job in (cls.one, cls.two):
            job.folder = cls.engine.folder / f"project-{job.key[:6]}/shop"
            job.folder.mkdir(parents=True)
            (job.folder / "compose.yaml").write_text(PROJECT.format(image=job.image, word=job.key))

    def up(self, job):
        job.ok("compose", "up", "-d", cwd=job.folder, timeout=120)

    def down(self, job):
        job.ok("compose", "down", "-v", "-t", "0", cwd=job.folder, timeout=120)

    def lists(self, job):
        """What the job sees, in the ways in which a client can look, without times."""
        return {
            "ps": job.ok("ps", "-a", "--format", "{{.ID}} {{.Names}}"),
            "networks": job.ok("network", "ls", "--format", "{{.ID}} {{.Name}}"),
            "volumes": job.ok("volume", "ls", "-q"),
            # Images of one second come in any order.
            "images": sorted(job.ok("images", "-a", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}").split("\n")),
            "usage": job.ok("system", "df", "--format", "{{.Type}} {{.TotalCount}}"),
            "projects": job.ok("compose", "ls", "-a", "--format", "json"),
        }

    def check(self, job, host):
        """What the web server `host` answers within the project, once it does."""
        def ask():
            return job.docker("compose", "exec", "-T", "check", "wget", "-qO-", f"http://{host}/", cwd=job.folder).out.strip()
        return wait_for(ask, what=f"an answer of {host}")

    def test_a_project_comes_up_finds_its_services_and_goes_down(self):
        self.up(self.one)
        try:
            for host in ("db", "app", "application", "shop-app-1"):
                with self.subTest(host):
                    self.assertEqual(self.check(self.one, host), self.one.key)
            services = self.one.ok("compose", "ps", "--services", cwd=self.one.folder)
            self.assertEqual(sorted(services.split()), ["app", "check", "db"])
            self.assertEqual(self.fetch(f"{self.one.address()}:8080").strip(), self.one.key)
            self.one.ok("compose", "restart", "-t", "0", "check", cwd=self.one.folder)
            self.one.ok("compose", "stop", "-t", "0", "check", cwd=self.one.folder)
            self.one.ok("compose", "start", "check", cwd=self.one.folder)
        finally:
            self.down(self.one)
        self.assertEqual(self.one.ok("ps", "-aq"), "")
        self.assertEqual(self.one.ok("volume", "ls", "-q"), "")

    def test_two_jobs_run_the_same_project_at_once(self):
        threads = [threading.Thread(target=self.up, args=(job,)) for job in (self.one, self.two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        try:
            for job, other in ((self.one, self.two), (self.two, self.one)):
                with self.subTest(job.id):
                    self.assertEqual(self.check(job, "app"), job.key)
                    names = job.ok("ps", "--format", "{{.Names}}").split()
                    self.assertEqual(sorted(names), ["shop-app-1", "shop-check-1", "shop-db-1"])
                    self.assertEqual(job.ok("volume", "ls", "-q"), "shop_data")
                    self.assertEqual(job.ok("network", "ls", "--format", "{{.Name}}").split().count("shop_default"), 1)
                    self.assertNotIn(other.ok("images", "-q", other.image), job.ok("images", "-aq"))
                    self.assertEqual(self.fetch(f"{job.address()}:8080").strip(), job.key)
                    events = job.ok("events", "--since", "1h", "--until", "0s", "--format", "{{json .}}")
                    self.assertIn("shop-app-1", events)
                    self.assertNotIn(other.key, events)
                    self.assert_private(events)
                    for container in other.ok("ps", "-q", "--no-trunc").split():
                        self.assertNotIn(container, events)
                    usage = dict(line.rsplit(" ", 1) for line in self.lists(job)["usage"].splitlines())
                    self.assertEqual((usage["Containers"], usage["Local Volumes"]), ("3", "1"))
        finally:
            self.down(self.one)
            self.down(self.two)

    def test_a_prune_of_everything_takes_nothing_of_another_job_or_the_host(self):
        self.engine.docker.ok("volume", "create", "of-the-host")
        self.engine.docker.ok("network", "create", "of-the-host")
        self.engine.docker.ok("create", "--name", "of-the-host", "busybox")
        third = self.open_job()
        try:
            self.up(self.two)
            self.two.ok("volume", "create", "idle")
            self.two.ok("create", "--name", "idle", self.two.image)
            third.ok("volume", "create", "idle")
            third.ok("create", "--name", "idle", third.image)
            others, host = self.lists(self.two), self.engine.snapshot()
            third.ok("system", "prune", "-af", "--volumes")
            self.assertEqual(third.ok("ps", "-aq"), "")
            self.assertEqual(third.ok("images", "-q"), "")
            self.assertEqual(self.lists(self.two), others)
            now = self.engine.snapshot()
            gone = {what: {each for each in host[what] - now[what] if third.key not in each} for what in host}
            # The id of an image does not show whose it is.
            self.assertEqual({what: names for what, names in gone.items() if names and what != "image ids"}, {})
        finally:
            self.down(self.two)
            self.two.ok("rm", "idle")
            self.two.ok("volume", "rm", "idle")
            self.engine.docker.ok("rm", "of-the-host")
            self.engine.docker.ok("volume", "rm", "of-the-host")
            self.engine.docker.ok("network", "rm", "of-the-host")
