"""JSON that two parsers read differently: refused, or what reaches the engine is berth's own harmless reading of it."""

import gzip
import json
import unittest
from urllib.parse import quote

from door import FakeCase, chunked, request

OK = '"Image":"busybox"'


def deep(levels):
    return '{"Image":"busybox","Env":' + "[" * levels + "]" * levels + "}"


def host(text):
    return '{"Image":"busybox","HostConfig":{' + text + "}}"


# Refused with this status, and nothing reaches the engine.
REFUSED = [
    ("J-01 lower case", 400, '{"Image":"busybox","hostconfig":{"privileged":true}}'),
    ("J-01 upper case", 400, '{"Image":"busybox","HOSTCONFIG":{"Privileged":true}}'),
    ("J-01 mixed case", 400, '{"Image":"busybox","Hostconfig":{"Privileged":true}}'),
    ("J-01 inside", 400, host('"privileged":true')),
    ("J-01 upper case inside", 400, host('"PRIVILEGED":true')),
    ("J-01 a folded harmless key", 400, '{"image":"busybox"}'),
    ("J-02 long s", 400, '{"Image":"busybox","Ho\u017ftConfig":{"Privileged":true}}'),
    ("J-02 long s, escaped", 400, '{"Image":"busybox","Ho\\u017ftConfig":{"Privileged":true}}'),
    ("J-02 long s in Binds", 400, host('"Bind\u017f":["/:/host"]')),
    ("J-02 Kelvin sign", 400, host('"Networ\u212aMode":"host"')),
    ("J-02 Kelvin sign, escaped", 400, host('"Networ\\u212aMode":"host"')),
    ("J-03 labels twice, folded", 400, '{"Image":"busybox","Labels":{"a":"b"},"labels":{"berth.key":"x"}}'),
    ("J-03 labels emptied", 400, '{"Image":"busybox","Labels":{"a":"b"},"labels":null}'),
    ("J-04 the same key twice, merged", 400, '{"Image":"busybox","HostConfig":{"NetworkMode":"none"},"HostConfig":{"Privileged":true}}'),
    ("J3 the harmful one first", 400, '{"Image":"busybox","HostConfig":{"Privileged":true},"HostConfig":{}}'),
    ("J4 and reset", 400, '{"Image":"busybox","HostConfig":{"Privileged":true},"HostConfig":null}'),
    ("J-05 reset under a folded key", 400, '{"Image":"busybox","HostConfig":{"ReadonlyRootfs":true},"hostconfig":null}'),
    ("J2 merged under a folded key", 400, '{"Image":"busybox","HostConfig":{},"hostconfig":{"Privileged":true}}'),
    ("J5 a scalar twice", 400, host('"Privileged":false,"Privileged":true')),
    ("J-09 true, then null", 400, host('"Privileged":true,"Privileged":null')),
    ("J-06 slice elements that keep old fields", 400, host('"Mounts":[{"Type":"volume","Source":"/etc","Target":"/x"}],"mounts":[{"Type":"bind"}]')),
    ("J6 the same, spelled alike", 400, host('"Mounts":[{"Type":"bind","Source":"/etc","Target":"/x"}],"Mounts":[{"Target":"/h"}]')),
    ("J-06 devices", 400, host('"Devices":[{"PathOnHost":"/dev/sda"}],"devices":[{}]')),
    ("J-07 emptied in between", 400, host('"Mounts":[{"Type":"bind","Source":"/etc"}],"Mounts":[],"mounts":[{"Type":"volume"}]')),
    ("J-08 exact and folded", 400, host('"Privileged":false,"privileged":true')),
    ("J-08 folded and exact", 400, host('"privileged":true,"Privileged":false')),
    ("J-10 map values twice", 400, '{"Image":"busybox","Labels":{"a":"1","a":"2"}}'),
    ("J-10 endpoints twice", 400, '{"Image":"busybox","NetworkingConfig":{"EndpointsConfig":{"n":{"NetworkID":"V"},"n":{}}}}'),
    ("J-11 garbage behind", 400, "{" + OK + "} garbage"),
    ("J-11 a second value", 400, "{" + OK + '}{"HostConfig":{"Privileged":true}}'),
    ("J-12 a brace behind", 400, "{" + OK + "}}"),
    ("J-12 a bracket and more behind", 400, "{" + OK + '}]{"HostConfig":{"Privileged":true}}'),
    ("J-13 true as text", 400, host('"Privileged":"true"')),
    ("J17 true as number", 400, host('"Privileged":1')),
    ("J-13 a number as text", 400, host('"Memory":"1"')),
    ("J-13 a list for an object", 400, '{"Image":"busybox","HostConfig":[]}'),
    ("J-14 a fraction", 400, host('"Memory":1.0')),
    ("J-14 an exponent", 400, host('"Memory":1e9')),
    ("J-15 a lone surrogate in a value", 400, '{"Image":"busybox","Hostname":"\\ud800"}'),
    ("J-15 a lone low surrogate", 400, '{"Image":"busybox","Hostname":"\\udc00a"}'),
    ("J-15 invalid UTF-8 in a value", 400, b'{"Image":"busybox","Hostname":"\xff"}'),
    ("J-15 an overlong form", 400, b'{"Image":"busybox","Hostname":"\xc0\xaf"}'),
    ("J-15 a surrogate as UTF-8", 400, b'{"Image":"busybox","Hostname":"\xed\xa0\x80"}'),
    ("J-16 invalid UTF-8 in a key", 400, b'{"Image":"busybox","Host\xffConfig":{}}'),
    ("J-16 a NUL in a key", 400, '{"Image\\u0000":"busybox","Image":"busybox"}'),
    ("J16 a NUL in a value", 400, host('"Binds":["/tmp\\u0000/../etc:/x"]')),
    ("J16 a raw NUL", 400, b'{"Image":"busy\0box"}'),
    ("J-17 a byte-order mark", 400, "\ufeff{" + OK + "}"),
    ("J-17 a comment", 400, "{" + OK + "/* */}"),
    ("J-17 a line comment", 400, "{" + OK + "// x\n}"),
    ("J-17 a comma at the end", 400, "{" + OK + ",}"),
    ("J-17 single quotes", 400, "{'Image':'busybox'}"),
    ("J-17 a raw tab in a string", 400, '{"Image":"busy\tbox"}'),
    ("J-17 a raw line end in a string", 400, '{"Image":"busy\nbox"}'),
    ("J-17 an unknown escape", 400, '{"Image":"busybo\\x78"}'),
    ("J-18 100 levels", 400, deep(100)),
    ("J-18 9000 levels", 400, deep(9000)),
    ("J-18 a million levels", 400, deep(1000000)),
    ("J-18 a million levels of objects", 400, '{"a":' * 200000 + "1" + "}" * 200000),
    ("J-19 an embedded struct by its name", 403, '{"Image":"busybox","Config":{"Image":"y"}}'),
    ("J-19 and in HostConfig", 403, host('"Resources":{"Memory":1}')),
    ("J-20 null", 400, "null"),
    ("J-20 a list", 400, "[]"),
    ("J-20 a list of one", 400, '[{"Image":"busybox"}]'),
    ("J-20 a text", 400, '"busybox"'),
    ("J-20 a number", 400, "1"),
    ("J-20 nothing but blanks", 400, "   "),
    ("J-21 an escaped harmful key", 403, host('"Pri\\u0076ileged":true')),
    ("J-21 an escaped section", 403, '{"Image":"busybox","\\u0048ostConfig":{"Privileged":true}}'),
    ("J8 an escaped first letter", 403, host('"\\u0050rivileged":true')),
    ("J-22 beyond 64 bits", 400, host('"Memory":9223372036854775808')),
    ("J-22 far beyond 64 bits", 400, host('"Memory":' + "9" * 400)),
    ("J-22 a huge exponent", 400, host('"Memory":1e400')),
    ("J-22 a tiny exponent", 400, host('"Memory":1e-400')),
    ("J23 NaN", 400, host('"Memory":NaN')),
    ("J23 a leading zero", 400, host('"Memory":01')),
    ("J23 a plus", 400, host('"Memory":+1')),
    ("J23 hexadecimal", 400, host('"Memory":0x1')),
    ("J14 a harmful body behind 64 KiB of blanks", 403, " " * 65536 + host('"Privileged":true')),
    ("J14 behind 1.5 MiB of padding (CVE-2026-34040)", 403, '{"Image":"busybox","Env":["' + "x" * 1536 * 1024 + '"],"HostConfig":{"Privileged":true}}'),
    ("J14 a body of 5 MiB", 413, '{"Image":"busybox","Env":["' + "x" * 5 * 1024 * 1024 + '"],"HostConfig":{"Privileged":true}}'),
    ("P-01", 403, host('"Privileged":true')),
    ("P-02", 403, host('"CapAdd":["cap_sys_admin"]')),
    ("P-02 all", 403, host('"CapAdd":["all"]')),
    ("P-03", 403, host('"SecurityOpt":["apparmor=unconfined"]')),
    ("P-04", 403, host('"SecurityOpt":["seccomp:unconfined"]')),
    ("P-04 a bare word", 403, host('"SecurityOpt":["disable"]')),
    ("P-06", 403, host('"MaskedPaths":[],"ReadonlyPaths":[]')),
    ("P-07", 403, host('"Sysctls":{"kernel.core_pattern":"|/x"}')),
    ("P-08", 403, host('"Runtime":"io.containerd.runc.v2"')),
    ("P-13", 403, host('"Capabilities":["CAP_SYS_ADMIN"]')),
    ("F1", 403, host('"Mounts":[{"Type":"bind","Source":"/","Target":"/h"}]')),
    ("F2", 403, host('"Mounts":[{"Type":"volume","Target":"/h","VolumeOptions":{"DriverConfig":{"Name":"local","Options":'
                     '{"type":"none","o":"bind","device":"/etc"}}}}]')),
    ("F5 two slashes", 403, host('"Binds":["//etc:/x"]')),
    ("F5 dots", 403, host('"Binds":["/tmp/../etc:/x"]')),
    ("F8", 404, host('"PidMode":"container:victim"')),
    ("F8 host", 403, host('"PidMode":"host"')),
    ("F8 ipc", 403, host('"IpcMode":"host"')),
    ("F8 network", 403, host('"NetworkMode":"host"')),
    ("F10 devices", 403, host('"Devices":[{"PathOnHost":"/dev/sda","PathInContainer":"/dev/sda","CgroupPermissions":"rwm"}]')),
    ("F7", 404, host('"VolumesFrom":["victim"]')),
    ("F14 a parent of the socket", 403, host('"Binds":["/run:/x"]')),
    ("F14b", 403, host('"LogConfig":{"Type":"gelf","Config":{"gelf-address":"udp://10.0.0.1:1"}}')),
    ("F19 an image that the job does not have", 404, '{"Image":"victim/private"}'),
    ("an unknown field", 403, '{"Image":"busybox","Evil":true}'),
    ("an unknown field inside", 403, host('"Evil":{"a":1}')),
    ("J11 a dotted I", 400, host('"Pr\u0130vileged":true')),
    ("a full-width letter", 400, host('"\uff30rivileged":true')),
]

ACCEPTED = [
    ("plain", "{" + OK + "}"),
    ("blanks around", " \r\n\t{" + OK + "} \r\n\t"),
    ("J-21 escaped harmless keys", '{"\\u0049mage":"busybox","\\u0048ostConfig":{}}'),
    ("F13 no labels", '{"Image":"busybox","Labels":null,"HostConfig":null,"NetworkingConfig":null}'),
    ("unknown fields with a zero value", '{"Image":"busybox","Evil":false,"Bad":null,"No":0,"Nope":"","None":[],"Nil":{}}'),
    ("zero values of what is closed", host('"Privileged":false,"CapAdd":null,"Devices":[],"Runtime":"","SecurityOpt":[],"MaskedPaths":null,"PidMode":""')),
    ("J-15 a surrogate pair", '{"Image":"busybox","Domainname":"\\ud83d\\ude00"}'),
    ("J25 a command as text", '{"Image":"busybox","Cmd":"sh -c x","Entrypoint":"x"}'),
    ("-0", host('"Memory":-0')),
    ("own labels", '{"Image":"busybox","Labels":{"berth.key":"x","Berth.Job":"y","BERTH.PROFILE":"z"," berth.key ":"w"}}'),
    ("P-09 annotations", host('"Annotations":{"org.systemd.property.DeviceAllow":"x"}')),
    ("P-10 user namespace", host('"UsernsMode":"host"')),
    ("F12 cgroup parent", host('"CgroupParent":"/"')),
]

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

    def test_a_body_that_could_mean_two_things_is_refused(self):
        for name, status, body in REFUSED:
            with self.subTest(name):
                self.mark = self.engine.mark()
                data = body if isinstance(body, bytes) else body.encode()
                reply = self.call("POST", "/v1.47/containers/create", data)
                self.assertEqual(reply.status, status, reply)
                reply.message()
                self.assertEqual(self.sent(), [])

    def test_a_body_with_one_meaning_is_written_anew_and_harmless(self):
        for name, body in ACCEPTED:
            with self.subTest(name):
                self.mark = self.engine.mark()
                self.assertEqual(self.call("POST", "/v1.47/containers/create", body.encode()).status, 201)
                creates = self.sent("POST")
                self.assertEqual([each.path for each in creates], ["containers/create"])
                self.assert_harmless(creates[0])

    def test_a_chunked_body_goes_on_with_its_length(self):
        with self.client() as client:
            client.send(b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + chunked(b'{"Ima', b'ge":"busybox"', b"}"))
            self.assertEqual(client.reply().status, 201)
        create = self.sent("POST")[0]
        self.assert_harmless(create)
        self.assertEqual(create.headers["content-length"], str(len(create.body)))

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

    def test_a_network_id_in_an_endpoint_does_not_choose_the_network(self):
        self.call("POST", "/networks/create", {"Name": "own"})
        self.mark = self.engine.mark()
        config = {"NetworkID": "victim", "EndpointID": "x", "Gateway": "1.2.3.4", "DriverOpts": None}
        replies = [self.call("POST", "/networks/own/connect", {"Container": "base", "EndpointConfig": config}),
                   self.call("POST", "/containers/create", {"Image": "busybox", "NetworkingConfig": {"EndpointsConfig": {"own": config}}})]
        self.assertTrue(all(each.status in (200, 201, 403) for each in replies), replies)
        for each in self.sent("POST"):
            self.assertNotIn(b"victim", each.body)

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

    def test_the_job_s_socket_is_given_for_the_engine_s(self):
        body = {"Image": "busybox", "HostConfig": {"Binds": ["/var/run/docker.sock:/var/run/docker.sock"]}}
        reply = self.call("POST", "/containers/create", body)
        self.assertEqual(reply.status, 201, reply)
        sent = self.sent("POST", "create")[0].json()["HostConfig"]
        self.assertNotIn("/var/run/docker.sock:", json.dumps(sent))
        self.assertIn(self.door.removeprefix("unix://"), json.dumps(sent))


if __name__ == "__main__":
    unittest.main()
