"""Where a job's containers may connect to: metadata services, other jobs, and what a profile lets them out to; over IPv4 and IPv6 alike."""

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor

import attacks
from harness import RuledBerth
from networks import Case, answers, inspected, serve
from tools import WEB_SERVER, mounted, run, running, tar_of, wait_for

ENGINES = ("trixie", "newest")

HOST = "198.18.0.1"
METADATA = ("169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.23", "169.254.42.42", "168.63.129.16", "100.100.100.200", "192.0.0.192")
METADATA6 = ("[fd00:ec2::254]", "[fd00:ec2::23]", "[fd20:ce::254]", "[fd00:c1::a9fe:a9fe]", "[fd00:42::42]")
# Elsewhere: in the lists of the profile `some`, and beyond them.
NEAR, NEAR6 = "198.51.100.7", "[2001:db8:1::7]"
FAR, FAR6, SITE = "203.0.113.7", "[2001:db8:2::7]", "192.168.77.7"
PORT = 8099
RESOLVER = """
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.53", 53))
while True:
    question, client = server.recvfrom(4096)
    print(question, flush=True)
    server.sendto(question[:2] + b"\\x81\\x83" + question[4:], client)  # no such name
"""


class Egress(RuledBerth):
    rules = """
        [profile.cloud]
        extends = "default"
        networks.metadata_reachable = true

        [profile.alone]
        extends = "default"
        networks.egress = "none"

        [profile.some]
        extends = "default"
        networks.egress = ["198.51.100.0/24", "2001:db8:1::/48"]
    """


class OutOfContainers(Case):
    jobs_wanted = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.berth = Egress(cls.engine).start()
        cls.outside = f"{cls.engine.namespace}-out"
        for words in (f"netns add {cls.outside}", f"-n {cls.engine.namespace} link add out0 type veth peer name out1 netns {cls.outside}", f"-n {cls.outside} link set lo up",
                      f"-n {cls.engine.namespace} link set out0 up", f"-n {cls.outside} link set out1 up",
                      f"-n {cls.engine.namespace} addr add 198.19.0.1/24 dev out0", f"-n {cls.outside} addr add 198.19.0.2/24 dev out1",
                      f"-n {cls.engine.namespace} addr add 2001:db8:9::1/64 dev out0 nodad", f"-n {cls.outside} addr add 2001:db8:9::2/64 dev out1 nodad",
                      f"-n {cls.outside} route add default via 198.19.0.1", f"-n {cls.outside} -6 route add default via 2001:db8:9::1"):
            cls.must("ip", *words.split())
        for address in (NEAR, FAR, SITE):
            cls.must("ip", "-n", cls.outside, "addr", "add", f"{address}/32", "dev", "lo")
            cls.must("ip", "-n", cls.engine.namespace, "route", "add", f"{address}/32", "via", "198.19.0.2")
        for address in (NEAR6, FAR6):
            cls.must("ip", "-n", cls.outside, "addr", "add", f"{address.strip('[]')}/128", "dev", "lo", "nodad")
            cls.must("ip", "-n", cls.engine.namespace, "-6", "route", "add", f"{address.strip('[]')}/128", "via", "2001:db8:9::2")
        cls.enterClassContext(running(cls.outside, WEB_SERVER, PORT))
        wait_for(lambda: all(cls.engine.inside("curl", "-sgf", f"http://{each}:{PORT}/").code == 0 for each in (NEAR, NEAR6, FAR, FAR6, SITE)), 20, "the services outside")
        # The profiles that the tests need, each with a network of its own that has IPv6.
        with ThreadPoolExecutor() as pool:
            cls.everywhere, cls.cloud, cls.alone, cls.some = pool.map(cls.open_served, ("default", "cloud", "alone", "some"))

    @classmethod
    def open_served(cls, profile):
        job = cls.open_job("--profile", profile)
        job.do("network", "create", "--ipv6", "six")
        serve(job, "web", "-p", "8080:80")
        return job

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            cls.berth.stop()
            run(["ip", "netns", "del", cls.outside])

    @classmethod
    def must(cls, *words):
        result = run([*words])
        assert result.code == 0, f"{' '.join(words)}: {result.err}"

    @attacks.shows("V-47 V-48", "dropped: not one of them answers")
    def test_metadata_services(self):
        plain, cloud = self.everywhere, self.cloud
        everything, old, near = ({f"{each}:{PORT}" for each in hosts} for hosts in ((*METADATA, *METADATA6), METADATA, (NEAR, NEAR6)))
        with self.host_service(*METADATA, *METADATA6, port=PORT):
            said = answers((cloud, everything, "--network", "six"), (plain, everything | near, "--network", "six"), (plain, old | {f"{NEAR}:{PORT}"}))
        self.assertEqual([set(each) for each in said], [everything, near, {f"{NEAR}:{PORT}"}], "all where the profile says so, else none")

    @attacks.shows("V-49", "no answer")
    def test_another_jobs_ipv6(self):
        mine, theirs = self.everywhere, self.cloud
        theirs.do("network", "connect", "six", "web")
        network = inspected(theirs, "web")["NetworkSettings"]["Networks"]["six"]
        self.assertTrue(network["IPv6Gateway"], network)
        addresses, ping = {network["IPv6Gateway"], network["GlobalIPv6Address"]}, "ping -c 1 -W 1 {}"
        self.assertEqual(set(answers((theirs, addresses, "--network", "six"), how=ping, tries=8)[0]), addresses)
        self.assertEqual(answers((mine, addresses), (mine, addresses, "--network", "six"), how=ping), [{}, {}])
        own = json.loads(mine.ok("network", "inspect", "six"))[0]["IPAM"]["Config"]
        self.assertEqual(len(own), 2, own)

    @attacks.shows("V-50", "nothing but what the profile names is reached")
    def test_egress(self):
        everywhere, alone, some = self.everywhere, self.alone, self.some
        asked = {f"{each}:{PORT}" for each in (NEAR, NEAR6, FAR, FAR6, SITE, HOST, "[2001:db8:9::1]")}
        with self.host_service(port=PORT):
            gateway = {job: job.address() for job in (alone, some)}
            for job, address in gateway.items():
                self.assertEqual(self.fetch(f"{address}:8080").strip(), job.key)
            own = [(job, ("web", f"{address}:8080", f"{address}:{PORT}"), "--network", "bridge") for job, address in gateway.items()]
            published = [(job, (f"{address}:8080",), "--network", "six") for job, address in gateway.items()]
            said = answers(*((job, asked, "--network", "six") for job in (everywhere, some, alone)), *own, *published)
            self.assertEqual([set(each) for each in said[:3]], [asked, {f"{NEAR}:{PORT}", f"{NEAR6}:{PORT}"}, set()])
            self.assertEqual(said[3:5], [{"web": job.key, f"{address}:8080": job.key} for job, address in gateway.items()], "what is the job's own, not the host's on its gateway")
            self.assertEqual(said[5:], [{f"{address}:8080": job.key} for job, address in gateway.items()])

    @contextlib.contextmanager
    def resolver_of_host(self):
        """The engine's host has its name server on loopback: a file that has what it is asked."""
        heard, config = self.engine.folder / "questions", self.engine.folder / "resolv.conf"
        config.write_text("nameserver 127.0.0.53\n")
        enter = ["nsenter", f"--mount=/proc/{self.engine.mounts_pid}/ns/mnt"]
        with mounted("/etc/resolv.conf", "--bind", str(config), within=enter), heard.open("wb") as out, running(self.engine.namespace, RESOLVER, out=out):
            wait_for(lambda: "127.0.0.53:53" in self.engine.inside("ss", "-Hlun").out, 10, "the host's name server")
            yield heard

    @attacks.shows("V-51", "the host's name server is not asked")
    def test_names_are_no_way_out(self):
        everywhere, alone = self.everywhere, self.alone
        with self.resolver_of_host() as heard:
            everywhere.docker("run", "--rm", everywhere.image, "timeout", "2", "nslookup", "plain.test")
            self.assertIn("plain", heard.read_text(), "left to itself the engine asks")
            identity = alone.do("run", "-d", alone.image, "sh", "-c", "timeout 2 nslookup leak.test; true")
            alone.ok("wait", identity)
            self.assertNotIn("leak", heard.read_text())
            self.assertEqual(json.loads(alone.ok("inspect", identity))[0]["HostConfig"]["Dns"] or [], [])

    @attacks.shows("V-56", "steps have no network that asks the host's name server")
    def test_names_in_a_build_are_no_way_out(self):
        everywhere, alone, some = self.everywhere, self.alone, self.some

        def built(job, name, step, **options):
            query = f"/build?nocache=1&networkmode={options.get('network', '')}"
            return job.api.call("POST", query, tar_of({"Dockerfile": f"FROM {job.image}\nRUN {step} || timeout 2 nslookup {name}.test; true\n"}), raw=True)[1].decode()
        with self.resolver_of_host() as heard:
            built(everywhere, "plain", "false")
            self.assertIn("plain", heard.read_text(), "left to itself the engine asks")
            for job, allowed in ((alone, ("", "default", "none", "container:web")), (some, ("",))):
                for network in allowed:
                    with self.subTest(profile=job.show()["profile"], network=network):
                        self.assertIn("Successfully built", built(job, "leak", "false", network=network))
                for network in ("bridge", "six"):
                    with self.subTest(profile=job.show()["profile"], network=network):
                        self.assertIn('refused by rule \\"networks.egress\\"', built(job, "leak", "false", network=network))
            fetch = f"timeout 2 wget -qO- http://{NEAR}:{PORT}/"
            self.assertIn('"stream":"reached', built(some, "leak", fetch, network="container:web"), "what the profile lets out")
            self.assertNotIn('"stream":"reached', built(alone, "leak", fetch, network="container:web"))
            self.assertNotIn("leak", heard.read_text())
