"""A job's networks and ports are its own: no way across, leased subnets, rules that come and go with the job."""

import contextlib
import json
import re
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor

import attacks
from harness import BINARY, Berth, EngineCase
from recorder import Recorder
from tools import WEB_SERVER, busybox_rootfs, clean_env, run, running, tar_of, wait_for

ENGINES = ("trixie", "newest")


def inspected(job, name):
    return job.api.get(f"/containers/{name}/json")


def serve(job, name, *options, image=None, docker=None):
    """A web server whose page is the job's key, in a container of `job`. `docker`: what runs it, the real client or (default) none."""
    (docker or job.do)("run", "-d", "--name", name, *options, image or job.image, "sh", "-c", f"mkdir -p /w; echo {job.key} >/w/index.html; exec httpd -f -p 80 -h /w")


def ask(job, address, *options, tries=1):
    """What `address` answers to a container of `job`; None when nothing comes back."""
    script = f"for i in $(seq {tries}); do timeout 2 wget -qO- http://{address}/ && exit; sleep 0.3; done; exit 1"
    result = job.docker("run", "--rm", *options, job.image, "sh", "-c", script)
    return result.out.strip() if result.code == 0 else None


def answers(*askers, tries=4, how="timeout 1 wget -qO- http://{}/"):
    """What containers of jobs are answered, all asked side by side: for each asker (job, addresses, options of Job.do's `run`) a dict of the
    addresses that answer, with what they say."""
    def question(address):
        return f"(for i in $(seq {tries}); do a=$({how.format(address)} 2>/dev/null) && echo '{address}' $a && exit; sleep 0.2; done) & "

    def said(asker):
        job, addresses, *options = asker
        return job.do("run", "--rm", *options, job.image, "sh", "-c", "".join(map(question, addresses)) + "wait")
    with ThreadPoolExecutor() as pool:
        return [dict(line.partition(" ")[::2] for line in out.splitlines()) for out in pool.map(said, askers)]


def leases(berth):
    """(job's key, network, subnet) of the ledger."""
    ledger = sqlite3.connect(f"file:{berth.folder}/state/berth.db?mode=ro", uri=True)
    try:
        return {tuple(row) for row in ledger.execute("SELECT job, network, subnet FROM leases")}
    finally:
        ledger.close()


class Case(EngineCase):
    def ruleset(self):
        """All tables of the engine's network namespace that are berth's."""
        names = re.findall(r"table inet (berth-\w+)", self.engine.inside("nft", "list", "tables").out)
        return {name: self.engine.inside("nft", "list", "table", "inet", name).out for name in names}

    @contextlib.contextmanager
    def host_service(self, *addresses, port=8099):
        """A web server of the host's on every address that it has, `addresses` (IPv6 in brackets) among them."""
        masked = [each.strip("[]") + ("/128" if ":" in each else "/32") for each in addresses]
        for address in masked:
            self.engine.inside("ip", "addr", "add", address, "dev", "ext0", *(("nodad",) if ":" in address else ()))
        try:
            with running(self.engine.namespace, WEB_SERVER, port):
                for address in ("198.18.0.1", *addresses):
                    self.fetch(f"{address}:{port}")
                yield
        finally:
            for address in masked:
                self.engine.inside("ip", "addr", "del", address, "dev", "ext0")

    def other_berth(self, *flags, engine_socket=None):
        berth = Berth(self.engine)
        berth.engine_socket = engine_socket or berth.engine_socket
        berth.start(*flags)

        def end():
            for facts in json.loads(berth.ok("job", "list", "--json")):
                berth.cli("job", "close", facts["id"])
            berth.stop()
        self.addCleanup(end)
        return berth


class NoWayAcross(Case):
    jobs_wanted = ("job", "other")

    @attacks.shows("W-10 B-09", "no way across")
    def test_nothing_of_a_job_answers_another(self):
        serve(self.job, "web", "-p", "8080:80")
        self.job.do("network", "create", "app")
        serve(self.job, "inner", "--network", "app", "-p", "8081:80")
        self.job.ok("network", "create", "--subnet", "10.88.0.0/24", "chosen")
        serve(self.job, "fixed", "--network", "chosen", "--ip", "10.88.0.9")
        self.other.do("network", "create", "app")
        gateway = self.job.address()
        web = inspected(self.job, "web")["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
        inner = inspected(self.job, "inner")["NetworkSettings"]["Networks"]["app"]["IPAddress"]
        own = ((web, f"{gateway}:8080"), (inner, "inner"), ("10.88.0.9",))
        said = answers(*((self.job, addresses, "--network", network) for addresses, network in zip(own, ("bridge", "app", "chosen"))), tries=10)
        self.assertEqual(said, [dict.fromkeys(addresses, self.job.key) for addresses in own])
        for port in (8080, 8081):
            self.assertEqual(self.fetch(f"{gateway}:{port}").strip(), self.job.key)
        foreign = (web, inner, "10.88.0.9", f"{gateway}:8080", f"{gateway}:8081", "web", "inner")
        self.assertEqual(answers((self.other, foreign), (self.other, foreign, "--network", "app")), [{}, {}])
        pinged, = answers((self.other, (gateway, self.other.address())), how="ping -c 1 -W 1 {}")
        self.assertEqual(list(pinged), [self.other.address()])
        self.job.do("rm", "-f", "web", "inner", "fixed")

    def test_the_same_port_in_two_jobs_reaches_each_its_own(self):
        for job in (self.job, self.other):
            serve(job, "same", "-p", "8088:80")
        self.assertNotEqual(self.job.address(), self.other.address())
        for job in (self.job, self.other):
            self.assertEqual(self.fetch(f"{job.address()}:8088").strip(), job.key)
            self.assertEqual(ask(job, f"{job.address()}:8088", tries=10), job.key)
            self.assertEqual(ask(job, "host.docker.internal:8088", "--add-host", "host.docker.internal:host-gateway"), job.key)
            job.ok("create", "--name", "hosts", "--add-host", "host.docker.internal:host-gateway", job.image)
            self.assertEqual(inspected(job, "hosts")["HostConfig"]["ExtraHosts"], ["host.docker.internal:host-gateway"])
            job.do("rm", "-f", "same", "hosts")

    @attacks.shows("W-11", "by knob: the metadata service is closed, the host's services are open unless networks.host_reachable says no")
    def test_the_metadata_service_is_out_of_reach_and_the_host_is_not(self):
        with self.host_service("169.254.169.254"):
            self.assertEqual(answers((self.job, ("198.18.0.1:8099", "169.254.169.254:8099"))), [{"198.18.0.1:8099": "reached"}])

    @attacks.shows("W-06", "refused: leased to one network at a time")
    def test_two_jobs_want_one_subnet(self):
        self.job.ok("network", "create", "--subnet", "10.77.0.0/24", "mine")
        for job in (self.job, self.other):
            self.refused(job.docker("network", "create", "--subnet", "10.77.0.128/25", "late"), "Pool overlaps with other one on this address space", "leave the subnet", code=1)
        self.refused(self.other.docker("network", "create", "--subnet", "198.18.0.0/24", "public"), "subnet", code=1)
        self.engine.inside("ip", "route", "add", "10.66.0.0/16", "dev", "ext0")
        self.refused(self.other.docker("network", "create", "--subnet", "10.66.3.0/24", "routed"), "the host routes 10.66.0.0/16", code=1)
        self.job.do("network", "rm", "mine")
        self.other.ok("network", "create", "--subnet", "10.77.0.0/24", "mine")
        self.other.do("network", "rm", "mine")
        # A client need not wait for the row to go: the subnet is free at once, and after a crash the lease is given back all the same.
        wait_for(lambda: not any(network == "mine" for key, network, _ in leases(self.berth) if key in (self.job.key, self.other.key)), 10, "the end of the leases")


class OwnNetwork(Case):
    @attacks.shows("W-09", "bound on the job's own address alone")
    def test_published_ports_in_every_form(self):
        self.job.build("exposing", {"Dockerfile": f"FROM {self.job.image}\nEXPOSE 80 53/udp\n"})
        shown = {
            ("-p", "8080:80"): r"80/tcp -> 0\.0\.0\.0:8080",
            ("-p", "80"): r"80/tcp -> 0\.0\.0\.0:\d+",
            ("-p", "127.0.0.1:8080:80"): r"80/tcp -> 0\.0\.0\.0:8080",
            ("-p", "127.0.0.1:8080:80", "-p", "8080:80"): r"80/tcp -> 0\.0\.0\.0:8080",
            ("-p", "8080-8082:80-82"): r"80/tcp -> 0\.0\.0\.0:8080\n81/tcp -> 0\.0\.0\.0:8081\n82/tcp -> 0\.0\.0\.0:8082",
            ("-p", "9053:53/udp"): r"53/udp -> 0\.0\.0\.0:9053",
            ("-P",): r"53/udp -> 0\.0\.0\.0:\d+\n80/tcp -> 0\.0\.0\.0:\d+",
        }
        for options, pattern in shown.items():
            with self.subTest(options):
                serve(self.job, "web", *options, image="exposing", docker=self.job.ok)
                ports = "\n".join(sorted(self.job.ok("port", "web").splitlines()))
                self.assertRegex(ports, f"^{pattern}$")
                listed = self.job.ok("ps", "--format", "{{.Ports}}", "--filter", "name=web")
                settings = inspected(self.job, "web")
                self.assertIn("0.0.0.0", listed)
                for text in (listed, json.dumps(settings["NetworkSettings"]["Ports"]), json.dumps(settings["HostConfig"]["PortBindings"])):
                    self.assertNotIn(self.job.address(), text)
                if tcp := re.search(r"^80/tcp -> 0\.0\.0\.0:(\d+)$", ports, re.M):
                    self.assertEqual(self.fetch(f"{self.job.address()}:{tcp[1]}").strip(), self.job.key)
                self.job.do("rm", "-f", "web")

    def test_udp_arrives(self):
        identity = self.job.do("run", "-d", "--name", "echo", "-p", "9053:53/udp", self.job.image, "sleep", "300")
        pid = self.engine.api.get(f"/containers/{identity}/json")["State"]["Pid"]
        echo = ("import socket; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('',53))\n"
                "while True: s.sendto(*s.recvfrom(99))")
        server = subprocess.Popen(["nsenter", f"--net=/proc/{pid}/ns/net", "/usr/bin/python3", "-c", echo], stdin=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        script = ("import socket,sys; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(1)\n"
                  "s.sendto(b'ping',(sys.argv[1],9053)); print(s.recv(9).decode())")
        answer = wait_for(lambda: self.engine.inside("/usr/bin/python3", "-c", script, self.job.address()).out.strip(), 15, "an answer over UDP", 0.2)
        self.assertEqual(answer, "ping")
        self.job.do("rm", "-f", "echo")

    @attacks.shows("W-03", "the job's own network is shown as bridge")
    def test_the_default_network_is_bridge_everywhere(self):
        self.job.do("run", "-d", "--name", "idle", self.job.image, "sleep", "60")
        network = json.loads(self.job.ok("network", "inspect", "bridge"))[0]
        self.assertEqual((network["Name"], network["Driver"], network["Scope"]), ("bridge", "bridge", "local"))
        self.assertEqual(network["Options"]["com.docker.network.bridge.name"], "docker0")
        self.assertEqual(network["IPAM"]["Config"][0]["Gateway"], self.job.address())
        self.assertRegex(self.job.address(), r"^10\.213\.")
        self.assertEqual(self.job.ok("network", "ls", "-q", "--no-trunc", "--filter", "name=^bridge$"), network["Id"])
        self.assertEqual(self.job.ok("network", "ls", "-q", "--no-trunc", "--filter", "driver=bridge", "--filter", "type=builtin"), network["Id"])
        self.assertEqual(self.job.ok("ps", "--filter", "network=bridge", "--format", "{{.Names}}"), "idle")
        settings = self.job.api.get("/containers/idle/json")["NetworkSettings"]
        endpoint = settings["Networks"]["bridge"]
        for key in ("IPAddress", "Gateway", "MacAddress", "EndpointID", "IPPrefixLen"):
            with self.subTest(key):
                self.assertTrue(endpoint[key])
                self.assertEqual(settings[key], endpoint[key])
        self.assertEqual(settings["Gateway"], self.job.address())
        self.job.do("network", "create", "plain")
        self.assertNotIn("com.docker.network.bridge.name", json.loads(self.job.ok("network", "inspect", "plain"))[0]["Options"])
        self.job.do("network", "rm", "plain")
        self.job.do("rm", "-f", "idle")

    def test_host_and_none_are_there_and_host_is_refused(self):
        rows = self.job.ok("network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}}").splitlines()
        for row in ("bridge bridge local", "host host local", "none null local"):
            self.assertIn(row, rows)
        self.assertEqual(json.loads(self.job.ok("network", "inspect", "host"))[0]["Driver"], "host")
        self.assertEqual(json.loads(self.job.ok("network", "inspect", "none"))[0]["Driver"], "null")
        self.refused(self.job.docker("run", "--rm", "--network", "host", self.job.image, "true"), "HostConfig.NetworkMode", "refused by rule", code=125)

    def test_run_tells_its_command_where_the_ports_are(self):
        script = ('docker build -q -t here - >/dev/null <"$TAR" && docker run -d -p 8080:80 here httpd -f -p 80 -h /etc >/dev/null && '
                  'for i in 1 2 3 4 5 6 7 8; do curl -sf "http://$BERTH_HOST:8080/passwd" && break; sleep 0.3; done; echo "$TESTCONTAINERS_HOST_OVERRIDE=$BERTH_HOST"')
        tar = self.engine.folder / "here.tar"
        tar.write_bytes(tar_of({"Dockerfile": "FROM scratch\nADD rootfs.tar /\n", "rootfs.tar": busybox_rootfs()}))
        env = clean_env(BERTH_ADMIN=str(self.berth.admin), TAR=str(tar), DOCKER_BUILDKIT="0", DOCKER_CONFIG=str(self.engine.config), PATH=self.engine.toolchain.path)
        result = run(["nsenter", f"--net=/run/netns/{self.engine.namespace}", BINARY, "run", "--", "sh", "-c", script], env=env, timeout=90)
        self.assertEqual(result.code, 0, result.err)
        self.assertIn("root:", result.out, result.err)
        self.assertRegex(result.out, r"(?m)^(10\.213\.\d+\.\d+)=\1$")


class Leases(Case):
    jobs_wanted = ()

    @attacks.shows("R-17", "cut small, leased, given back")
    def test_an_empty_pool_says_so_and_fills_again(self):
        berth = self.other_berth("--network-pool", "10.214.0.0/28", "--network-size", "29")
        first, second, third = (berth.open_job() for _ in range(3))
        self.assertEqual({first.address(), second.address()}, {"10.214.0.1", "10.214.0.9"})
        self.assertEqual(third.address(), "")
        result = third.docker("network", "create", "one-too-many")
        self.refused(result, "could not find an available, non-overlapping IPv4 address pool", "10.214.0.0/28", "--network-pool", code=1)
        third.ok("network", "create", "--subnet", "10.78.0.0/24", "own")
        self.assertEqual(first.close().code, 0)
        third.do("network", "create", "now")
        self.assertIn("10.214.0.0/29", third.ok("network", "inspect", "now"))
        third.do("network", "rm", "now", "own")
        wait_for(lambda: leases(berth) == {(second.key, "bridge", "10.214.0.8/29")}, 10, "the leases to be given back, which nobody waits for")

    def test_networks_made_at_once_have_different_subnets(self):
        berth = self.other_berth()
        job = berth.open_job()
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(lambda number: job.do("network", "create", f"n{number}"), range(12)))
        subnets = [subnet for key, _, subnet in leases(berth) if key == job.key]
        self.assertEqual((len(subnets), len(set(subnets))), (13, 13))
        self.assertTrue(all(re.fullmatch(r"10\.213\.\d+\.\d+/26", subnet) for subnet in subnets), subnets)
        table = self.ruleset()[job.show()["isolation"]["table"]]
        self.assertEqual(len(re.findall(r'"bt-\w+" : jump to-', table)), 12)
        self.assertEqual(job.close().code, 0)
        self.assertEqual(leases(berth), set())

    def test_the_pool_leaves_out_what_the_host_and_the_engine_have(self):
        self.engine.docker.ok("network", "create", "--subnet", "10.215.0.0/26", "of-the-host")
        self.engine.inside("ip", "route", "add", "10.215.0.64/26", "dev", "ext0")
        try:
            berth = self.other_berth("--network-pool", "10.215.0.0/24")
            self.assertEqual([berth.open_job().address() for _ in range(3)], ["10.215.0.129", "10.215.0.193", ""])
        finally:
            self.engine.do("network", "rm", "of-the-host")

    def test_a_restart_keeps_leases_and_builds_the_rules_anew(self):
        berth = self.other_berth()
        job, other = berth.open_job(), berth.open_job()
        job.load_busybox()
        other.load_busybox()
        serve(job, "web", "-p", "8080:80")
        other.do("run", "-d", "--name", "idle", other.image, "sleep", "300")
        address, before, held = job.address(), self.ruleset(), leases(berth)
        table = job.show()["isolation"]["table"]
        self.assertIn(table, before)
        berth.kill()
        self.engine.inside("nft", "delete", "table", "inet", table)
        try_it = ("exec", "idle", "timeout", "3", "wget", "-qO-", f"http://{address}:8080/")
        berth.start()
        self.assertEqual((job.address(), leases(berth)), (address, held))
        self.assertEqual(self.ruleset()[table], before[table])
        self.assertNotEqual(other.docker(*try_it).code, 0)
        self.assertEqual(self.fetch(f"{address}:8080").strip(), job.key)
        self.assertEqual([each.close().code for each in (job, other)], [0, 0])
        self.assertNotIn(table, self.ruleset())
        self.assertEqual(leases(berth), set())

    @attacks.shows("V-59", "the others stay apart")
    def test_a_bridge_that_is_gone_lifts_nobodys_rules(self):
        recorder = Recorder(self.engine.folder / "between.sock", self.engine.socket)
        self.addCleanup(recorder.stop)
        berth = self.other_berth(engine_socket=recorder.path)
        job, other = berth.open_job(), berth.open_job()
        for each in (job, other):
            each.load_busybox()
            serve(each, "web", "-p", "8080:80")
        port = f"{job.address()}:8080"
        def bridges():
            return set(re.findall(r"bt-\w+", self.engine.inside("ip", "-br", "link").out))
        before = bridges()
        recorder.answering = lambda data: [self.engine.inside("ip", "link", "del", each) for each in bridges() - before]
        job.do("network", "create", "gone")
        recorder.answering = lambda data: None
        self.assertEqual(bridges(), before)
        self.assertTrue(job.show()["isolation"]["enforced"], job.show())
        self.assertEqual(answers((job, (port,)), (other, (port,))), [{port: job.key}, {}])

    def test_a_daemon_that_cannot_set_rules_says_so(self):
        ways = {"another network namespace": ["unshare", "--net"],
                "CAP_NET_ADMIN": ["nsenter", f"--net=/run/netns/{self.engine.namespace}", "setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]}
        for words, within in ways.items():
            with self.subTest(words):
                berth = Berth(self.engine).start(within=within)
                try:
                    job = berth.open_job()
                    job.do("network", "create", "app")
                    isolation = job.show()["isolation"]
                    self.assertFalse(isolation["enforced"])
                    self.assertIn(words, isolation["problem"])
                    self.assertIn(words, berth.ok("status"))
                    self.assertNotIn(isolation["table"], self.ruleset())
                    self.assertEqual(job.close().code, 0)
                finally:
                    berth.stop()

    def test_the_anchor_finds_the_ports_at_docker(self):
        self.engine.do("run", "-d", "--name", "anchor", "--network", "none", "busybox", "sleep", "300")
        self.engine.docker.ok("network", "disconnect", "none", "anchor")
        identity = self.engine.docker.ok("inspect", "-f", "{{.Id}}", "anchor")
        job = self.other_berth().open_job("--anchor", identity)
        try:
            job.load_busybox()
            serve(job, "web", "-p", "8080:80")
            script = "for i in 1 2 3 4 5 6 7 8; do timeout 2 wget -qO- http://docker:8080/ && exit; sleep 0.3; done; exit 1"
            self.assertEqual(self.engine.do("exec", "anchor", "sh", "-c", script), job.key)
            self.assertEqual(job.close().code, 0)
            facts = json.loads(self.engine.docker.ok("inspect", "anchor"))[0]
            self.assertTrue(facts["State"]["Running"])
            self.assertEqual(facts["NetworkSettings"]["Networks"], {})
            self.assertNotIn("docker", self.engine.do("exec", "anchor", "cat", "/etc/hosts"))
        finally:
            self.engine.do("rm", "-f", "anchor")
