"""A job's networks and ports are its own: no way across, and all that Docker's networks do."""

import json
import re
import subprocess

import attacks
from harness import BINARY
from networks import Case, answers, ask, inspected, leases, serve
from tools import busybox_rootfs, clean_env, run, tar_of, wait_for

ENGINES = ("trixie", "newest")


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
