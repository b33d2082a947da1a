"""What a profile decides of a job's network: where ports are bound, whether the host and the metadata service answer, whether jobs must be kept apart."""

import re

from harness import RuledBerth
from networks import Case, answers, ask, inspected, serve

ENGINES = ("distribution", "trixie")

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
        second.do("rm", "-f", "late")
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
            job.do("network", "create", "app")
        with self.host_service():
            host, services = f"{HOST}:8099", {job: f"{job.address()}:8099" for job in (closed, open_)}
            said = answers(*((job, (host,), "--network", network) for job in (closed, open_) for network in ("bridge", "app")))
            self.assertEqual(said, [{}, {}, {host: "reached"}, {host: "reached"}])
            # On the job's own gateway what is bound to all addresses is the host's, what is bound to this one the job's.
            port = f"{closed.address()}:8080"
            said = answers((closed, (services[closed], port)), (closed, (port,), "--network", "app"), (open_, (services[open_],)))
            self.assertEqual(said, [{port: closed.key}, {port: closed.key}, {services[open_]: "reached"}])
            self.assertEqual(self.fetch(port).strip(), closed.key)

    def test_the_metadata_service_answers_where_a_profile_says_so(self):
        plain, cloud = self.open_job(), self.open_job("--profile", "cloud")
        asked = [f"{each}:8099" for each in METADATA]
        with self.host_service(*METADATA):
            self.assertEqual(answers((plain, asked), (cloud, asked)), [{}, dict.fromkeys(asked, "reached")])

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
