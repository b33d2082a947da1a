"""Networks, names and published ports by the docker CLI through a door."""

import json
import re

from harness import EngineCase

ENGINES = ("newest",)


class Networks(EngineCase):
    def test_lifecycle_of_a_network(self):
        identity = self.job.ok("network", "create", "--label", "a=b", "--internal", "inner")
        facts = json.loads(self.job.ok("network", "inspect", "inner"))[0]
        self.assertEqual((facts["Name"], facts["Id"], facts["Internal"], facts["Labels"]), ("inner", identity, True, {"a": "b"}))
        self.assertIn("inner", self.job.ok("network", "ls", "--format", "{{.Name}}").split())
        self.assertEqual(self.job.ok("network", "ls", "-q", "--no-trunc", "--filter", "name=inner"), identity)
        self.assertEqual(self.job.ok("network", "ls", "-q", "--no-trunc", "--filter", "label=a=b"), identity)
        self.job.ok("network", "rm", "inner")
        self.refused(self.job.docker("network", "inspect", "inner"), "inner", code=1)

    def test_a_job_sees_the_three_networks_that_every_engine_has(self):
        names = self.job.ok("network", "ls", "--format", "{{.Name}}").split()
        self.assertIn("bridge", names)
        self.assertEqual(len(names), len(set(names)))

    def test_containers_find_each_other_by_name_and_alias(self):
        self.job.ok("network", "create", "app")
        self.job.ok("run", "-d", "--name", "web", "--network", "app", "--network-alias", "www", self.job.image, "httpd", "-f", "-p", "80", "-h", "/etc")
        for host in ("web", "www"):
            with self.subTest(host):
                script = f"for i in 1 2 3 4 5 6; do wget -qO- http://{host}/passwd && exit; sleep 0.3; done; exit 1"
                self.assertIn("root:", self.job.ok("run", "--rm", "--network", "app", self.job.image, "sh", "-c", script))
        self.job.ok("create", "--name", "late", self.job.image, "wget", "-qO-", "http://web/passwd")
        self.job.ok("network", "connect", "--alias", "tardy", "app", "late")
        self.assertIn("root:", self.job.ok("start", "-a", "late"))
        members = json.loads(self.job.ok("network", "inspect", "app"))[0]["Containers"]
        self.assertEqual([each["Name"] for each in members.values()], ["web"])
        self.refused(self.job.docker("network", "rm", "app"), "active endpoints", code=1)
        self.job.ok("network", "disconnect", "app", "web")
        self.job.ok("rm", "-f", "web", "late")
        self.job.ok("network", "rm", "app")

    def test_containers_on_the_default_network_reach_each_other_by_address(self):
        self.job.ok("run", "-d", "--name", "web", self.job.image, "httpd", "-f", "-p", "80", "-h", "/etc")
        facts = json.loads(self.job.ok("inspect", "web"))[0]["NetworkSettings"]["Networks"]
        self.assertEqual(list(facts), ["bridge"])
        script = f"for i in 1 2 3 4 5 6; do wget -qO- http://{facts['bridge']['IPAddress']}/passwd && exit; sleep 0.3; done; exit 1"
        self.assertIn("root:", self.job.ok("run", "--rm", self.job.image, "sh", "-c", script))
        self.job.ok("rm", "-f", "web")

    def test_a_published_port_is_on_the_jobs_own_address(self):
        self.job.ok("run", "-d", "--name", "web", "-p", "8080:80", self.job.image, "httpd", "-f", "-p", "80", "-h", "/etc")
        self.assertIn("root:", self.fetch(f"{self.job.address()}:8080", "/passwd"))
        self.assertIn(":8080", self.job.ok("port", "web", "80"))
        self.job.ok("rm", "-f", "web")

    def test_a_port_that_docker_chooses(self):
        self.job.ok("run", "-d", "--name", "web", "-p", "80", self.job.image, "httpd", "-f", "-p", "80", "-h", "/etc")
        port = re.search(r":(\d+)$", self.job.ok("port", "web", "80").splitlines()[0]).group(1)
        self.assertIn("root:", self.fetch(f"{self.job.address()}:{port}", "/passwd"))
        self.job.ok("rm", "-f", "web")

    def test_two_jobs_publish_the_same_port(self):
        other = self.open_job()
        for job in (self.job, other):
            job.ok("run", "-d", "--name", "web", "-p", "9090:80", job.image, "sh", "-c", f"mkdir /w; echo {job.key} >/w/index.html; httpd -f -p 80 -h /w")
        try:
            self.assertNotEqual(self.job.address(), other.address())
            for job in (self.job, other):
                self.assertEqual(self.fetch(f"{job.address()}:9090").strip(), job.key)
        finally:
            self.job.ok("rm", "-f", "web")

    def test_modes_none_and_container(self):
        self.assertEqual(self.job.ok("run", "--rm", "--network", "none", self.job.image, "sh", "-c", "ip -o link | wc -l"), "1")
        self.job.ok("run", "-d", "--name", "owner", self.job.image, "httpd", "-f", "-p", "80", "-h", "/etc")
        script = "for i in 1 2 3 4 5 6; do wget -qO- http://127.0.0.1/passwd && exit; sleep 0.3; done; exit 1"
        self.assertIn("root:", self.job.ok("run", "--rm", "--network", "container:owner", self.job.image, "sh", "-c", script))
        self.job.ok("rm", "-f", "owner")

    def test_a_subnet_and_an_address_of_ones_own(self):
        self.job.ok("network", "create", "--subnet", "10.77.0.0/24", "fixed")
        out = self.job.ok("run", "--rm", "--network", "fixed", "--ip", "10.77.0.9", self.job.image, "ip", "-o", "addr")
        self.assertIn("10.77.0.9/24", out)
        self.job.ok("network", "rm", "fixed")

    def test_links(self):
        self.job.ok("run", "-d", "--name", "db", self.job.image, "httpd", "-f", "-p", "80", "-h", "/etc")
        script = "for i in 1 2 3 4 5 6; do wget -qO- http://database/passwd && exit; sleep 0.3; done; exit 1"
        self.assertIn("root:", self.job.ok("run", "--rm", "--link", "db:database", self.job.image, "sh", "-c", script))
        self.job.ok("rm", "-f", "db")

    def test_prune_removes_the_unused(self):
        self.job.ok("network", "create", "idle")
        self.assertIn("idle", self.job.ok("network", "prune", "-f"))
        self.assertNotIn("idle", self.job.ok("network", "ls", "--format", "{{.Name}}").split())
