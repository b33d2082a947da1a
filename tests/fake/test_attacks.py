"""Attacks of the catalogue that are about what may never reach the engine; and that every one of them has a test."""

import importlib
import json
import unittest
from pathlib import Path
from urllib.parse import quote

import attacks
from door import FakeCase
from framings import request

HERE = Path(__file__).resolve().parent


class Catalogue(unittest.TestCase):
    def test_every_attack_has_a_test(self):
        for path in sorted([*HERE.glob("test_*.py"), *(HERE.parent / "engine").glob("test_*.py")]):
            importlib.import_module(path.stem)
        self.assertEqual(set(attacks.titles()) - set(attacks.declared), set())
        self.assertEqual(len(attacks.titles()), 341)


class Forwarded(FakeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls.client() as client:  # makes the job's network, which the first container makes otherwise
            assert client.call("POST", "/containers/create", {"Image": "busybox"}).status == 201

    def last(self, pattern):
        """What the engine got, as a line."""
        sent = self.sent(None, pattern)
        self.assertEqual(len(sent), 1, sent)
        return sent[0]

    @attacks.shows("L-07 K-11 N-10")
    def test_the_engine_is_asked_by_full_ids_alone(self):
        for method, path in (("POST", "start"), ("POST", "stop"), ("POST", "pause"), ("GET", "json"), ("GET", "logs?stdout=1"), ("GET", "archive?path=/")):
            for reference in ("base", self.container, self.container[:12], "%62ase"):
                with self.subTest(f"{path} {reference}"):
                    self.mark = self.engine.mark()
                    self.call(method, f"/containers/{reference}/{path}")
                    self.assertIn(self.container, self.last(path.split("?")[0]).path)
        for attack in ("L-07", "K-11", "N-10"):
            attacks.saw(attack, "ids alone", f"for `base`, its id and a prefix the engine got containers/{self.container[:12]}... in full")

    @attacks.shows("L-10")
    def test_a_stop_has_an_end(self):
        for asked in ("-1", "99999", "61", "-9223372036854775808"):
            for word in ("stop", "restart"):
                with self.subTest(f"{word} {asked}"):
                    self.mark = self.engine.mark()
                    self.assertEqual(self.call("POST", f"/containers/base/{word}?t={asked}").status, 204)
                    self.assertEqual(self.last(word).query, {"t": "60"})
        attacks.saw("L-10", "capped", "for t=-1 and t=99999 the engine got t=60")

    @attacks.shows("J-23 P-13")
    def test_old_versions_read_nothing_that_was_not_judged(self):
        for version in ("v1.24", "v1.40", "v1.43", "v1.49"):
            with self.subTest(version):
                self.mark = self.engine.mark()
                body = {"Image": "busybox", "MacAddress": "02:42:ac:11:00:02", "HostConfig": {"Memory": 1 << 30}}
                self.assertEqual(self.call("POST", f"/{version}/containers/create", body).status, 201)
                sent = self.last("create")
                again = json.loads(sent.body)  # a second reading of these bytes has nothing else to find
                self.assertEqual(json.dumps(again, separators=(",", ":"), sort_keys=True).encode(), sent.body)
                for evil in ({"Capabilities": ["CAP_SYS_ADMIN"]}, {"HostConfig": {"Capabilities": ["CAP_SYS_ADMIN"]}}, {"Privileged": True}, {"Cpuset": "0"}):
                    self.mark = self.engine.mark()
                    self.assertEqual(self.call("POST", f"/{version}/containers/create", {"Image": "busybox", **evil}).status, 403)
                    self.assertEqual(self.sent(), [])
        attacks.saw("J-23", "one meaning", "what the engine gets is canonical in each version; fields outside HostConfig are refused")
        attacks.saw("P-13", "403", "in each version, inside HostConfig and outside; the engine got nothing")

    @attacks.shows("J-34")
    def test_json_in_a_parameter_is_written_anew(self):
        for platform, status in (('{"os":"linux","architecture":"amd64"}', 200), ('{"os":"linux","os":"windows"}', 400), ('{"os":"linux"}}', 400), ("linux", 400),
                                 ('{"os":"\\ud800"}', 400), ("[" * 100 + "]" * 100, 400)):
            with self.subTest(platform):
                self.mark = self.engine.mark()
                self.assertEqual(self.call("GET", f"/images/busybox/json?platform={quote(platform, safe='')}").status, status)
                for each in self.sent("GET", "json"):
                    self.assertEqual(each.query["platform"], '{"architecture":"amd64","os":"linux"}')
                if status != 200:
                    self.assertEqual(self.sent(), [])
        attacks.saw("J-34", "strict", 'the engine got platform={"architecture":"amd64","os":"linux"}; twice, trailing, deep: 400 and nothing')

    @attacks.shows("J-35")
    def test_credentials_are_passed_on_opaque_or_not_at_all(self):
        for name, value, status in (("unreadable", "%%%%", (200, 400)), ("long", "A" * 20000, (200, 400, 431)), ("a line end within", "AA\r\n BB", (400,)),
                                    ("beyond a head", "A" * 40000, (431,))):
            with self.subTest(name):
                self.mark = self.engine.mark()
                with self.client() as client:
                    client.send(request("POST", "/images/create?fromImage=busybox&tag=latest", None, f"X-Registry-Auth: {value}", "Content-Length: 0"))
                    reply = client.reply()
                self.assertIn(reply.status, status, reply)
                for each in self.sent("POST"):
                    self.assertIn(each.headers.get("x-registry-auth"), (None, value))
        attacks.saw("J-35", "opaque", "the engine gets the header as it was, for the registry to judge, or nothing; never more than one head")

    @attacks.shows("R-19")
    def test_a_request_is_no_larger_than_its_bound(self):
        before = self.berth.memory_peak()
        body = b'{"Image":"busybox","Env":["' + b"x" * (5 << 20) + b'"]}'
        self.assertEqual(self.call("POST", "/containers/create", body).status, 413)
        with self.client() as client:  # what says that it will be larger is not waited for
            client.send(b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n")
            self.assertEqual(client.reply().status, 413)
        self.assertEqual(self.sent(), [])
        self.assertLess(self.berth.memory_peak() - before, 64)
        attacks.saw("R-19", "413", "5 MiB and a claim of 99 GB; the engine got nothing")

    @attacks.shows("R-24")
    def test_an_expression_takes_no_longer_than_its_text(self):
        for name in ("^(a+)+$", "(a*)*b", "(" * 500 + "a" + ")*" * 500, "(a|a)*" * 50, "[" * 1000, "a{1,1000}{1,1000}"):
            with self.subTest(name):
                filters = quote(json.dumps({"name": [name]}), safe="")
                self.assertIn(self.call("GET", f"/containers/json?all=1&filters={filters}").status, (200, 400))
        for each in self.sent():
            self.assertNotIn("name", json.loads(each.query.get("filters", "{}")))
        attacks.saw("R-24", "linear", "berth answers by its own engine; the expression is not sent")

    @attacks.shows("X-15 X-11")
    def test_clients_are_told_the_versions_that_berth_serves(self):
        version = self.call("GET", "/version").json()
        ping = self.call("GET", "/_ping")
        self.assertEqual((version["ApiVersion"], version["MinAPIVersion"], ping.headers["api-version"]), ("1.49", "1.24", "1.49"))
        self.assertEqual(self.call("GET", "/v1.99/containers/json").status, 200)
        self.assertTrue(self.last("containers/json").head.startswith(b"GET /v1.49/"))
        for attack in ("X-15", "X-11"):
            attacks.saw(attack, "berth's own", "ApiVersion 1.49 of both, never more than berth knows; /v1.99 reaches the engine as /v1.49")

    @attacks.shows("K-09 X-12")
    def test_the_log_has_no_line_and_no_secret_of_the_jobs(self):
        forged = 'x\nlevel=info msg="forged"\x1b[2J'
        secret = "swordfish-4711"
        for method, target, body in (("GET", "/containers/" + quote(forged, safe="") + "/json", None), ("POST", "/containers/create?name=" + quote(forged, safe=""), {"Image": "busybox"}),
                                     ("POST", "/containers/create", {"Image": "busybox", "Env": [f"PASSWORD={secret}"], "HostConfig": {"Privileged": True}}),
                                     ("POST", "/containers/create", {"Image": forged}), ("POST", "/volumes/create", {"Name": "vol", "Driver": forged}),
                                     ("POST", "/volumes/create", {"Name": "vol", "DriverOpts": {"type": "cifs", "o": f"password={secret}"}}),
                                     ("POST", "/containers/create", {"Image": "busybox", "HostConfig": {"LogConfig": {"Type": "splunk", "Config": {"splunk-token": secret}}}}),
                                     ("POST", "/auth", {"username": "u", "password": secret, "evil": secret}),
                                     ("POST", "/build?remote=" + quote(f"http://u:{secret}@x/", safe=""), None)):
            reply = self.call(method, target, body, "User-Agent: " + "agent", f"X-Registry-Auth: {secret}")
            self.assertGreaterEqual(reply.status, 400, reply)
        log = self.berth.log.read_bytes()
        self.assertNotIn(b"\x1b", log)
        self.assertFalse([line for line in log.splitlines() if line.startswith(b'level=info msg="forged"')])
        attacks.saw("K-09", "escaped", "no line and no control character of the job's in the log")
        ledger = b"".join(path.read_bytes() for path in (self.berth.folder / "state").glob("berth.db*"))
        self.assertNotIn(secret.encode(), log, "a secret in the log")
        self.assertNotIn(secret.encode(), ledger, "a secret in the ledger")
        attacks.saw("X-12", "not kept", "passwords in a body, an option, a URL and a header are neither in the log nor in the ledger")


class Prunes(FakeCase):
    @attacks.shows("G-16 B-08")
    def test_no_prune_reaches_the_engine(self):
        for path in ("containers", "networks", "volumes", "images", "build"):
            with self.subTest(path):
                self.mark = self.engine.mark()
                self.assertEqual(self.call("POST", f"/{path}/prune?filters=%7B%22label!%22%3A%5B%22berth.key%3D{self.key}%22%5D%7D").status, 200)
                self.assertEqual(self.sent(None, "prune"), [])
        attacks.saw("G-16", "berth's own", "no prune of the engine was asked for")
        attacks.saw("B-08", "berth's own", "no prune of the engine was asked for")


if __name__ == "__main__":
    unittest.main()
