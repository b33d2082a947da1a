"""JSON that two parsers read differently: refused, or what reaches the engine is berth's own harmless reading of it."""

import gzip
import json
import unittest
from urllib.parse import quote

import attacks
from corpus import ACCEPTED_BODIES, REFUSED_BODIES
from door import FakeCase
from framings import chunked

# Whatever was asked, these are the only sections and words that may reach the engine.
HARMLESS_HOST = {"CgroupnsMode", "IpcMode", "LogConfig", "NetworkMode", "Memory"}
EMPTY_HOST = {"CapAdd", "PidMode", "PortBindings", "SecurityOpt"}  # may be there, and empty
HARMLESS = {"Image", "HostConfig", "NetworkingConfig", "Labels", "Cmd", "Entrypoint", "Domainname", "Hostname", "Env"}


class Bodies(FakeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls.client() as client:  # makes the job's network, which the first container makes otherwise
            assert client.call("POST", "/containers/create", {"Image": "busybox"}).status == 201

    def assert_harmless(self, create):
        """`create` as recorded by the engine: canonical, labelled as ours, named as ours, and without any power."""
        body = create.json()
        self.assertTrue(create.query["name"].startswith(f"berth.{self.key}."))
        self.assertLessEqual(set(body), HARMLESS)
        self.assertLessEqual({key for key, value in body["HostConfig"].items() if value or key not in EMPTY_HOST}, HARMLESS_HOST)
        self.assertEqual(body["HostConfig"]["CgroupnsMode"], "private")
        self.assertEqual(body["HostConfig"]["IpcMode"], "private")
        own_network = next(each for each in self.engine.networks.values() if each["Name"] == f"berth.{self.key}.bridge")
        self.assertIn(body["HostConfig"]["NetworkMode"], (own_network["Id"], own_network["Name"]))
        labels = body["Labels"]
        self.assertEqual((labels["berth.key"], labels["berth.job"], labels["berth.profile"]), (self.key, self.job["id"], "default"))
        self.assertLessEqual({key for key in labels if key.strip().lower().startswith("berth.")}, {"berth.image", "berth.job", "berth.key", "berth.mounts", "berth.profile"})
        self.assertEqual(labels.get("berth.image", "busybox"), "busybox")
        self.assertEqual(create.body, json.dumps(body, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode(), "not canonical")
        self.assertNotIn(None, body.values())

    @attacks.shows(attacks.ids_of(REFUSED_BODIES))
    def test_a_body_that_could_mean_two_things_is_refused(self):
        for name, status, body in REFUSED_BODIES:
            with self.subTest(name):
                self.mark = self.engine.mark()
                data = body if isinstance(body, bytes) else body.encode()
                reply = self.call("POST", "/v1.49/containers/create", data)
                self.assertEqual(reply.status, status, reply)
                message = reply.message()
                self.assertEqual(self.sent(), [])
                for attack in attacks.first_ids(name):
                    attacks.saw(attack, status, f"{message} | the engine got nothing")

    @attacks.shows(attacks.ids_of(ACCEPTED_BODIES))
    def test_a_body_with_one_meaning_is_written_anew_and_harmless(self):
        for name, body in ACCEPTED_BODIES:
            with self.subTest(name):
                self.mark = self.engine.mark()
                self.assertEqual(self.call("POST", "/v1.49/containers/create", body.encode()).status, 201)
                creates = self.sent("POST")
                self.assertEqual([each.path for each in creates], ["containers/create"])
                self.assert_harmless(creates[0])
                for attack in attacks.first_ids(name):
                    attacks.saw(attack, "written anew", f"the engine got {creates[0].body.decode()}")

    @attacks.shows("J-26", "unpacked, and sent on with its length")
    def test_a_chunked_body_goes_on_with_its_length(self):
        with self.client() as client:
            client.send(b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + chunked(b'{"Ima', b'ge":"busybox"', b"}"))
            self.assertEqual(client.reply().status, 201)
        create = self.sent("POST")[0]
        self.assert_harmless(create)
        self.assertEqual(create.headers["content-length"], str(len(create.body)))

    @attacks.shows("J-24", "400 for all but application/json")
    def test_the_content_type_decides_whether_a_body_is_read(self):
        for kind, status in [("application/json", 201), ("application/json; charset=utf-8", 201), ("APPLICATION/JSON", 201), ("text/plain", 400),
                             ("text/json", 400), ("application/jsonx", 400), ("application/json, text/plain", 400), ("", 400)]:
            with self.subTest(kind):
                self.mark = self.engine.mark()
                self.assertEqual(self.call("POST", "/containers/create", {"Image": "busybox"}, content_type=kind).status, status)
                creates = self.sent("POST")
                self.assertEqual(len(creates), status == 201)
                for each in creates:
                    self.assertEqual(each.headers["content-type"], "application/json")

    def test_a_body_without_a_content_type_is_refused(self):
        data = b'{"Image":"busybox"}'
        with self.client() as client:
            client.send(b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
            self.assertEqual(client.reply().status, 400)
        self.assertEqual(self.sent(), [])

    @attacks.shows("J-25", "an empty object, in every framing")
    def test_an_empty_body_is_an_empty_object_whatever_its_framing(self):
        for headers in (b"", b"Content-Length: 0\r\n", b"Content-Type: application/json\r\nContent-Length: 0\r\n",
                        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"):
            with self.subTest(headers), self.client() as client:
                self.mark = self.engine.mark()
                client.send(b"POST /containers/create HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n" + (b"0\r\n\r\n" if b"chunked" in headers else b""))
                self.assertIn(client.reply().status, (400, 404))
                self.assertEqual(self.sent(), [])

    def test_a_compressed_body_is_not_unpacked(self):
        body = gzip.compress(b'{"Image":"busybox","HostConfig":{"Privileged":true}}')
        self.assertEqual(self.call("POST", "/containers/create", body, "Content-Encoding: gzip").status, 400)
        self.assertEqual(self.sent(), [])

    def test_other_bodies_are_read_as_strictly(self):
        exec_id = self.call("POST", "/containers/base/exec", {"Cmd": ["sh"]}).json()["Id"]
        self.call("POST", "/networks/create", {"Name": "mine"})
        refused = [
            ("/containers/base/exec", '{"Cmd":["sh"],"Privileged":true}', 403),
            ("/containers/base/exec", '{"Cmd":["sh"],"privileged":true}', 400),
            ("/containers/base/exec", '{"Cmd":["sh"],"Privileged":false,"Privileged":true}', 400),
            (f"/exec/{exec_id}/start", '{"Detach":true}{"a":1}', 400),
            (f"/exec/{exec_id}/start", '{"detach":true}', 400),
            ("/containers/base/update", '{"Memory":0,"restartpolicy":{"Name":"always"}}', 400),
            ("/containers/base/update", '{"Devices":[{"PathOnHost":"/dev/sda"}]}', 403),
            ("/containers/base/update", '{"OomKillDisable":true}', 403),
            ("/volumes/create", '{"Name":"vol","DriverOpts":{"type":"none","o":"bind","device":"/"}}', 403),
            ("/volumes/create", '{"Name":"vol","DriverOpts":{"type":"nfs","o":" addr=10.0.0.5","device":":/x"}}', 403),
            ("/volumes/create", '{"Name":"vol","Driver":"local","driver":"evil"}', 400),
            ("/volumes/create", '{"Name":"vol","Driver":"vieux/sshfs"}', 403),
            ("/networks/create", '{"Name":"net","Options":{"com.docker.network.bridge.name":"docker0"}}', 403),
            ("/networks/create", '{"Name":"net","Driver":"macvlan"}', 403),
            ("/networks/create", '{"Name":"net","ConfigOnly":true}', 403),
            ("/networks/create", '{"Name":"net","name":"host"}', 400),
            ("/networks/mine/connect", '{"Container":"base","container":"victim"}', 400),
            ("/networks/mine/connect", '{"Container":"victim"}', 404),
            ("/networks/mine/disconnect", '{"Container":"victim","Force":true}', 404),
            ("/auth", '{"username":"a","Username":"b"}', 400),
        ]
        for path, body, status in refused:
            with self.subTest(f"{path} {body}"):
                self.mark = self.engine.mark()
                reply = self.call("POST", path, body.encode())
                self.assertEqual(reply.status, status, reply)
                self.assertEqual(self.sent("POST"), [])

    @attacks.shows("N-07", "dropped: the engine never gets the id")
    def test_a_network_id_in_an_endpoint_does_not_choose_the_network(self):
        self.call("POST", "/networks/create", {"Name": "own"})
        self.mark = self.engine.mark()
        config = {"NetworkID": "victim", "EndpointID": "x", "Gateway": "1.2.3.4", "DriverOpts": None}
        replies = [self.call("POST", "/networks/own/connect", {"Container": "base", "EndpointConfig": config}),
                   self.call("POST", "/containers/create", {"Image": "busybox", "NetworkingConfig": {"EndpointsConfig": {"own": config}}})]
        self.assertTrue(all(each.status in (200, 201, 403) for each in replies), replies)
        for each in self.sent("POST"):
            self.assertNotIn(b"victim", each.body)

    @attacks.shows("J-10 J-33", "400 for every form that is not plain")
    def test_json_in_parameters_is_read_as_strictly(self):
        for path in ("/containers/json?all=1&", "/images/json?", "/networks?", "/volumes?", "/events?"):
            for filters in ('{"label":["job=mine"],"label":["job=victim"]}', '{"label":["a"],"status":{"x":true}} x', "[]", '{"label":1}', '{"label":["a"]}}', "{",
                            '{"label":{"a":1}}', '{"LABEL":["a"]}', '{"evil":["a"]}', '{"label":["\ud800"]}'.encode("utf-8", "surrogatepass"), '"a"'):
                with self.subTest(f"{path} {filters}"):
                    self.mark = self.engine.mark()
                    self.assertEqual(self.call("GET", f"{path}filters={quote(filters, safe='')}").status, 400)
                    self.assertEqual(self.sent(), [])

    def test_a_list_is_the_job_s_own_whatever_the_filters_say(self):
        label = f"berth.key={self.key}"
        for filters in ("", "null", "{}", '{"label":[]}', '{"label":null}', '{"label":{"a=b":false}}', '{"label":["berth.key=victim"]}', '{"id":["victim"]}'):
            with self.subTest(filters):
                self.mark = self.engine.mark()
                reply = self.call("GET", f"/containers/json?all=1&filters={quote(filters, safe='')}")
                self.assertIn(reply.status, (200, 400))
                for each in self.sent():
                    self.assertEqual(json.loads(each.query["filters"])["label"], {label: True})

    @attacks.shows("J-29 J-30 J-31", "400, the engine gets nothing")
    def test_parameters_that_could_mean_two_things_are_refused(self):
        for target in ("/containers/create?name=a&name=b", "/containers/create?a=1;name=b", "/containers/create?name=%zz", "/containers/create?name=%",
                       "/containers/create?name=a%00b", "/containers/create?n%61me=a&name=b", "/containers/create?name=" + "a" * 64, "/containers/create?name=a/b",
                       "/containers/create?name=" + "a1" * 32, "/containers/create?evil=1"):
            with self.subTest(target):
                self.mark = self.engine.mark()
                self.assertIn(self.call("POST", target, {"Image": "busybox"}).status, (400, 403))
                self.assertEqual(self.sent(), [])

    def test_a_start_takes_no_body_in_any_version(self):
        for version in ("", "/v1.24", "/v1.23", "/v1.18"):
            with self.subTest(version):
                self.mark = self.engine.mark()
                self.assertEqual(self.call("POST", f"{version}/containers/base/start", {"Privileged": True, "Binds": ["/:/h"]}).status, 400)
                self.assertEqual(self.sent(), [])

    @attacks.shows("M-05", "the engine gets the door's path instead")
    def test_the_job_s_socket_is_given_for_the_engine_s(self):
        body = {"Image": "busybox", "HostConfig": {"Binds": ["/var/run/docker.sock:/var/run/docker.sock"]}}
        reply = self.call("POST", "/containers/create", body)
        self.assertEqual(reply.status, 201, reply)
        sent = self.sent("POST", "create")[0].json()["HostConfig"]
        self.assertNotIn("/var/run/docker.sock:", json.dumps(sent))
        self.assertIn(self.door.removeprefix("unix://"), json.dumps(sent))


if __name__ == "__main__":
    unittest.main()
