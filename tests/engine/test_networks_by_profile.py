"""What a profile decides of a job's network: where ports are bound, whether the host and the metadata service answer, whether jobs must be kept apart."""

import contextlib
import re
import subprocess

from harness import RuledBerth
from test_networks_alone import Case, ask, inspected, serve

HOST = "198.18.0.1"  # the host's own, beside loopback
METADATA = ("169.254.169.254", "169.254.170.2")


class Ruled(RuledBerth):
    rules = """
        [profile.local]
        extends = "default"
        ports.address = "loopback"

        [profile.closed]
        extends = "default"
        networks.host_reachable = false

        [profile.cloud]
        extends = "default"
        networks.metadata_reachable = true

        [profile.apart]
        extends = "default"
        networks.isolation_required = true
    """


class ByProfile(Case):
    jobs_wanted = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.berth = Ruled(cls.engine).start()

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            cls.berth.stop()

    @contextlib.contextmanager
    def host_service(self, *addresses):
        """A web server of the host's on every address that it has, `addresses` among them."""
        for address in addresses:
            self.engine.inside("ip", "addr", "add", f"{address}/32", "dev", "ext0")
        server = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.engine.namespace}", "/usr/bin/python3", "-m", "http.server", "8099"],
                                  cwd=self.engine.folder / "cli", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for address in (HOST, *addresses):
                self.fetch(f"{address}:8099")
            yield
        finally:
            server.terminate()
            server.wait()
            for address in addresses:
                self.engine.inside("ip", "addr", "del", f"{address}/32", "dev", "ext0")

    def answers_on_the_host(self, address):
        return self.engine.inside("curl", "-s", "--max-time", "3", f"http://{address}/").code == 0

    def test_ports_on_the_hosts_loopback_are_one_jobs_at_a_time(self):
        first, second, other = self.open_job("--profile", "local"), self.open_job("--profile", "local"), self.open_job()
        serve(first, "web", "-p", "8080:80")
        self.assertEqual(first.address(), "127.0.0.1")
        self.assertEqual(self.fetch("127.0.0.1:8080").strip(), first.key)
        self.assertEqual(first.ok("port", "web"), "80/tcp -> 0.0.0.0:8080")
        self.assertEqual(inspected(first, "web")["NetworkSettings"]["Ports"]["80/tcp"], [{"HostIp": "0.0.0.0", "HostPort": "8080"}])
        self.assertIn("0.0.0.0:8080->80/tcp", first.ok("ps", "--format", "{{.Ports}}"))
        gateway = inspected(first, "web")["NetworkSettings"]["Networks"]["bridge"]["Gateway"]
        self.assertFalse(self.answers_on_the_host(f"{gateway}:8080"))
        for address in ("127.0.0.1:8080", f"{gateway}:8080"):
            self.assertIsNone(ask(other, address))

        serve(other, "web", "-p", "8080:80")  # on an address of its own
        result = second.docker("run", "-d", "--name", "late", "-p", "8080:80", second.image, "sleep", "60")
        self.refused(result, "port is already allocated", code=125)
        self.assertEqual(self.fetch("127.0.0.1:8080").strip(), first.key)
        self.assertEqual(first.close().code, 0)
        self.assertFalse(self.answers_on_the_host("127.0.0.1:8080"))
        second.ok("rm", "-f", "late")
        serve(second, "web", "-p", "8080:80")
        self.assertEqual(self.fetch("127.0.0.1:8080").strip(), second.key)
        self.assertEqual(self.fetch(f"{other.address()}:8080").strip(), other.key)

    def test_ports_of_a_job_that_is_over_are_free(self):
        job = self.open_job()
        serve(job, "web", "-p", "8080:80", "-p", "9053:53/udp")
        address = job.address()
        self.assertEqual(self.fetch(f"{address}:8080").strip(), job.key)
        self.assertEqual(job.close().code, 0)
        listening = self.engine.inside("ss", "-Htuln").out
        self.assertNotIn(f"{address}:", listening)
        rules = self.engine.inside("iptables-save").out + self.engine.inside("nft", "list", "ruleset").out
        self.assertNotRegex(rules, re.escape(address) + r"(?!\d)")
        self.assertFalse(self.answers_on_the_host(f"{address}:8080"))

    def test_the_hosts_services_are_out_of_reach_and_published_ports_are_not(self):
        closed, open_ = self.open_job("--profile", "closed"), self.open_job()
        for job in (closed, open_):
            serve(job, "web", "-p", "8080:80")
            job.ok("network", "create", "app")
        with self.host_service():
            for options in ((), ("--network", "app")):
                with self.subTest(options):
                    self.assertIsNone(ask(closed, f"{HOST}:8099", *options))
                    self.assertIsNotNone(ask(open_, f"{HOST}:8099", *options, tries=10))
            # On the job's own gateway what is bound to all addresses is the host's, what is bound to this one the job's.
            self.assertIsNone(ask(closed, f"{closed.address()}:8099"))
            self.assertIsNotNone(ask(open_, f"{open_.address()}:8099", tries=10))
            self.assertEqual(ask(closed, f"{closed.address()}:8080", tries=10), closed.key)
            self.assertEqual(ask(closed, f"{closed.address()}:8080", "--network", "app", tries=10), closed.key)
            self.assertEqual(self.fetch(f"{closed.address()}:8080").strip(), closed.key)

    def test_the_metadata_service_answers_where_a_profile_says_so(self):
        plain, cloud = self.open_job(), self.open_job("--profile", "cloud")
        with self.host_service(*METADATA):
            for address in METADATA:
                with self.subTest(address):
                    self.assertIsNone(ask(plain, f"{address}:8099"))
                    self.assertIsNotNone(ask(cloud, f"{address}:8099", tries=10))

    def test_a_profile_that_wants_jobs_apart_is_refused_where_they_are_not(self):
        job = self.open_job("--profile", "apart")
        self.assertTrue(job.show()["isolation"]["enforced"])
        weak = Ruled(self.engine)
        weak.start(within=["nsenter", f"--net=/run/netns/{self.engine.namespace}", "setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"])
        try:
            result = weak.cli("job", "open", "--profile", "apart")
            self.refused(result, "requires that jobs are kept apart", "CAP_NET_ADMIN")
            self.assertEqual(weak.ok("job", "list", "--json"), "[]")
            other = weak.open_job()
            self.assertFalse(other.show()["isolation"]["enforced"])
            self.assertEqual(other.close().code, 0)
        finally:
            weak.stop()
