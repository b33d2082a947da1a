"""Subnets and rules of networks are leased: from a pool, over restarts, beside what the host has."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import attacks
from harness import Berth
from networks import Case, answers, leases, serve
from recorder import Recorder
from tools import wait_for

ENGINES = ("trixie", "newest")


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
