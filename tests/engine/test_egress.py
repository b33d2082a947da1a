"""Where a job's containers may connect to: metadata services, other jobs, and what a profile lets them out to; over IPv4 and IPv6 alike."""

import contextlib
import json
import subprocess
import sys

import attacks
from harness import RuledBerth
from test_networks_alone import Case, ask, inspected, serve
from tools import run, wait_for

HOST = "198.18.0.1"
METADATA = ("169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.23", "169.254.42.42", "168.63.129.16", "100.100.100.200", "192.0.0.192")
METADATA6 = ("[fd00:ec2::254]", "[fd00:ec2::23]", "[fd20:ce::254]", "[fd00:c1::a9fe:a9fe]", "[fd00:42::42]")
# Elsewhere: in the lists of the profile `some`, and beyond them.
NEAR, NEAR6 = "198.51.100.7", "[2001:db8:1::7]"
FAR, FAR6, SITE = "203.0.113.7", "[2001:db8:2::7]", "192.168.77.7"
PORT = 8099
SERVER = """
import http.server, socket, sys
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200), self.end_headers(), self.wfile.write(b"reached")
    log_message = lambda *_: None
Server(("::", int(sys.argv[1])), Handler).serve_forever()
"""
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
        for address in METADATA:
            cls.must("ip", "-n", cls.engine.namespace, "addr", "add", f"{address}/32", "dev", "ext0")
        for address in METADATA6:
            cls.must("ip", "-n", cls.engine.namespace, "addr", "add", f"{address.strip('[]')}/128", "dev", "ext0", "nodad")
        cls.servers = [subprocess.Popen(["nsenter", f"--net=/run/netns/{namespace}", sys.executable, "-c", SERVER, str(PORT)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for namespace in (cls.engine.namespace, cls.outside)]
        for address in (*METADATA, *METADATA6, NEAR, NEAR6, FAR, FAR6, SITE):
            wait_for(lambda: cls.engine.inside("curl", "-sgf", "--max-time", "3", f"http://{address}:{PORT}/").out == "reached", 20, f"the service at {address}")

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            cls.berth.stop()
            for server in cls.servers:
                server.terminate()
                server.wait()
            run(["ip", "netns", "del", cls.outside])
            for address in METADATA:
                cls.engine.inside("ip", "addr", "del", f"{address}/32", "dev", "ext0")
            for address in METADATA6:
                cls.engine.inside("ip", "addr", "del", f"{address.strip('[]')}/128", "dev", "ext0")

    @classmethod
    def must(cls, *words):
        result = run([*words])
        assert result.code == 0, f"{' '.join(words)}: {result.err}"

    def open_with_ipv6(self, *args):
        job = self.open_job(*args)
        job.ok("network", "create", "--ipv6", "six")
        return job

    def reached(self, job, addresses, network="six"):
        """Those of `addresses` that answer a container of `job`; all are asked at once, again for a while when none answers (its IPv6 address comes late)."""
        script = "".join(f"(timeout 4 wget -qO- http://{each}:{PORT}/ >/dev/null 2>&1 && echo '{each}') & " for each in addresses) + "wait"
        out = job.ok("run", "--rm", "--network", network, job.image, "sh", "-c", f"sleep 2; {script}")
        return set(out.split())

    @attacks.shows("V-47 V-48", "dropped: not one of them answers")
    def test_metadata_services(self):
        plain, cloud = self.open_with_ipv6(), self.open_with_ipv6("--profile", "cloud")
        everything = {*METADATA, *METADATA6}
        self.assertEqual(self.reached(cloud, everything), everything, "where the profile says so")
        self.assertEqual(self.reached(plain, {*everything, NEAR, NEAR6}), {NEAR, NEAR6})
        self.assertEqual(self.reached(plain, {*METADATA, NEAR}, network="bridge"), {NEAR})

    @attacks.shows("V-49", "no answer")
    def test_another_jobs_ipv6(self):
        mine, theirs = self.open_with_ipv6(), self.open_with_ipv6()
        serve(theirs, "web", "--network", "six", "-p", "8080:80")
        network = inspected(theirs, "web")["NetworkSettings"]["Networks"]["six"]
        self.assertTrue(network["IPv6Gateway"], network)
        ping = "for i in $(seq {}); do ping -c 1 -W 1 {} >/dev/null && exit; sleep 1; done; exit 1"
        for address in (network["IPv6Gateway"], network["GlobalIPv6Address"]):
            theirs.ok("run", "--rm", "--network", "six", theirs.image, "sh", "-c", ping.format(8, address))
            for options in ((), ("--network", "six")):
                with self.subTest(address, options=options):
                    self.assertNotEqual(mine.docker("run", "--rm", *options, mine.image, "sh", "-c", ping.format(2, address)).code, 0)
        own = json.loads(mine.ok("network", "inspect", "six"))[0]["IPAM"]["Config"]
        self.assertEqual(len(own), 2, own)

    @attacks.shows("V-50", "nothing but what the profile names is reached")
    def test_egress(self):
        everywhere, alone, some = self.open_with_ipv6(), self.open_with_ipv6("--profile", "alone"), self.open_with_ipv6("--profile", "some")
        asked = {NEAR, NEAR6, FAR, FAR6, SITE, HOST, "[2001:db8:9::1]"}
        self.assertEqual(self.reached(everywhere, asked), asked)
        self.assertEqual(self.reached(some, asked), {NEAR, NEAR6})
        self.assertEqual(self.reached(alone, asked), set())
        for job in (alone, some):  # what is the job's own
            serve(job, "web", "-p", "8080:80")
            self.assertEqual(ask(job, "web", "--network", "bridge", tries=10), job.key)
            self.assertEqual(ask(job, f"{job.address()}:8080", tries=10), job.key)
            self.assertEqual(ask(job, f"{job.address()}:8080", "--network", "six", tries=10), job.key)
            self.assertEqual(self.fetch(f"{job.address()}:8080").strip(), job.key)
            self.assertIsNone(ask(job, f"{job.address()}:{PORT}"), "the host's service on the job's gateway")
        build = f"FROM {alone.image}\nRUN timeout 2 wget -qO- http://{NEAR}:{PORT}/ && echo out || echo kept\n"
        self.assertIn("kept", json.dumps(alone.build("built", {"Dockerfile": build})))

    @contextlib.contextmanager
    def resolver_of_host(self):
        """The engine's host has its name server on loopback: a file that has what it is asked."""
        heard, config = self.engine.folder / "questions", self.engine.folder / "resolv.conf"
        config.write_text("nameserver 127.0.0.53\n")
        enter = ["nsenter", f"--mount=/proc/{self.engine.mounts_pid}/ns/mnt"]
        self.must(*enter, "mount", "--bind", str(config), "/etc/resolv.conf")
        with heard.open("wb") as out:
            server = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.engine.namespace}", sys.executable, "-c", RESOLVER], stdin=subprocess.DEVNULL, stdout=out)
        try:
            wait_for(lambda: "127.0.0.53:53" in self.engine.inside("ss", "-Hlun").out, 10, "the host's name server")
            yield heard
        finally:
            server.terminate()
            server.wait()
            self.must(*enter, "umount", "/etc/resolv.conf")

    @attacks.shows("V-51", "the host's name server is not asked")
    def test_names_are_no_way_out(self):
        everywhere, alone = self.open_job(), self.open_job("--profile", "alone")
        with self.resolver_of_host() as heard:
            everywhere.docker("run", "--rm", everywhere.image, "nslookup", "plain.test")
            self.assertIn("plain", heard.read_text(), "left to itself the engine asks")
            identity = alone.ok("run", "-d", alone.image, "sh", "-c", "nslookup leak.test; true")
            alone.ok("wait", identity)
            self.assertNotIn("leak", heard.read_text())
            self.assertEqual(json.loads(alone.ok("inspect", identity))[0]["HostConfig"]["Dns"] or [], [])
