"""What was judged is what is sent: names that a job moves while its own requests are under way, and what a few bytes of a Dockerfile could become."""

import json
import re
import threading
import time
from urllib.parse import quote

import attacks
from door import FakeCase, in_background
from framings import request
from tools import tar_of

ID = re.compile("sha256:[0-9a-f]{64}|[0-9a-f]{64}")


class MovedNames(FakeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls.client() as client:
            for name in ("good", "evil"):
                assert client.call("POST", f"/images/create?fromImage={name}&tag=1").status == 200
            assert client.call("POST", "/networks/create", {"Name": "back"}).status == 201
            assert client.call("POST", "/volumes/create", {"Name": "data"}).status == 201
        cls.good, cls.evil = cls.engine.images["good:1"], cls.engine.images["evil:1"]
        cls.engine.configs[cls.evil] = {"OnBuild": ["COPY --from=corp/private:1 /secret /loot"], "User": "evil"}

    def real(self, name):
        return f"berth.{self.key}/docker.io/library/{name}"

    def move(self, name="good:1", image="evil:1"):
        repository, tag = name.split(":")
        self.assertEqual(self.call("POST", f"/images/{image}/tag?repo={repository}&tag={tag}").status, 201)

    def setUp(self):
        """The job has its images, under the names that they were pulled as."""
        super().setUp()
        with self.client() as client:
            for name in ("good", "evil", "tools", "busybox"):
                self.assertEqual(client.call("POST", f"/images/create?fromImage={name}&tag={'latest' if name == 'busybox' else 1}").status, 200)
        self.assertEqual(self.engine.images[self.real("good:1")], self.good)
        self.mark = self.engine.mark()

    def build(self, *lines, **query):
        path = "/build?t=built" + "".join(f"&{key}={quote(value, safe='')}" for key, value in query.items())
        with self.client(60) as client:
            reply = client.send(request("POST", path, tar_of({"Dockerfile": "\n".join(lines) + "\n"}), content_type="application/x-tar")).reply()
            return reply.status, reply.body.decode()

    def holds(self, image):
        return [name for name, each in self.engine.images.items() if each == image and re.fullmatch(f"berth.{self.key}/image:build-[0-9]+", name)]

    @attacks.shows("V-02 V-07", "the ids that were judged are sent, and held as long as the build")
    def test_a_tag_that_moves_while_a_build_is_under_way(self):
        asked, going_on, seen = threading.Event(), threading.Event(), []

        def answer(channel, sent):
            seen.append(self.engine.check_sealed(sent))
            asked.set()
            going_on.wait(20)
            self.engine._build(channel, sent)

        self.engine.on("POST", "^build$", answer)
        result = in_background(lambda: self.build("FROM tools:1 AS one", "RUN sleep 4", "FROM good:1", "COPY --from=good:1 /a /b", "COPY --from=one /a /c", "COPY --from=0 /a /d"))
        self.assertTrue(asked.wait(20))
        self.assertIn(f"FROM {self.good}\n", seen[0])
        self.assertIn(f"--from={self.good} ", seen[0])
        self.assertEqual(len(self.holds(self.good)), 1)
        self.move()
        for path in ("/images/good:1?force=1", f"/images/{self.good}?force=1"):
            self.call("DELETE", path)
        self.call("POST", "/images/prune?filters=" + quote(json.dumps({"dangling": ["false"]})))
        self.assertEqual(len(self.holds(self.good)), 1, "the build's own reference is not the job's to remove")
        going_on.set()
        status, text = result()
        self.assertEqual(status, 200, text)
        self.assertNotIn("error", text)
        self.assertEqual(self.holds(self.good), [])

    @attacks.shows("V-02", "what is tagged before it is read is judged")
    def test_a_tag_that_moves_between_the_pull_of_one_base_and_the_reading_of_the_next(self):
        asked, going_on = threading.Event(), threading.Event()

        def answer(channel, sent):
            asked.set()
            going_on.wait(20)
            self.engine._answer(channel, sent)

        self.engine.on("POST", "^images/create$", answer)
        result = in_background(lambda: self.build("FROM slow:1", "FROM good:1"))
        self.assertTrue(asked.wait(20))
        self.move()
        going_on.set()
        _, text = result()
        self.assertIn("ONBUILD COPY --from", text)
        self.assertEqual(self.sent("POST", "^build$"), [])

    def test_what_is_held_is_let_go_however_a_build_ends(self):
        self.engine.on("POST", "^build$", lambda channel, _: channel.reply(400, {"message": "no"}))
        self.assertEqual(self.build("FROM good:1")[0], 400)
        self.assertEqual(self.holds(self.good), [])
        self.engine.on("POST", "^images/.*tag$", lambda channel, _: channel.reply(404, {"message": "No such image"}))
        status, text = self.build("FROM good:1")
        self.assertTrue(status == 404 or "No such image" in text, text)
        self.assertEqual(self.holds(self.good), [])
        self.assertEqual(self.sent("POST", "^build$")[1:], [])

    @attacks.shows("V-05", "the image that was judged is made a container of")
    def test_a_tag_that_moves_while_a_container_is_created(self):
        asked, going_on = threading.Event(), threading.Event()

        def answer(channel, sent):
            asked.set()
            going_on.wait(20)
            self.engine._answer(channel, sent)

        self.engine.on("POST", "^volumes/create$", answer)
        body = {"Image": "good:1", "HostConfig": {"Binds": ["fresh:/x"]}}
        result = in_background(lambda: self.call("POST", "/containers/create?name=moved", body))
        self.assertTrue(asked.wait(20))
        self.move()
        going_on.set()
        reply = result()
        self.assertEqual(reply.status, 201, reply)
        sent = self.sent("POST", "^containers/create$")[0].json()
        self.assertEqual(sent["Image"], self.good)
        self.assertEqual(sent["Labels"]["berth.image"], "good:1")

    @attacks.shows("V-06", "ids, or real names that only the job has")
    def test_every_operation_sends_ids(self):
        rest = {"NetworkMode": "container:base", "PidMode": "container:base", "IpcMode": "container:base", "VolumesFrom": ["base:ro"]}
        with self.client() as client:
            for method, target, body in (
                    ("GET", "/images/good:1/json", None), ("GET", "/images/good:1/history", None), ("POST", "/images/good:1/tag?repo=other&tag=2", None),
                    ("GET", "/images/get?names=good:1&names=other:2", None), ("GET", "/images/good/get", None), ("DELETE", "/images/other:2", None),
                    ("POST", "/commit?container=base&repo=kept", {}), ("POST", "/containers/base/start", None), ("POST", "/containers/base/exec", {"Cmd": ["true"]}),
                    ("POST", "/containers/create?name=rest", {"Image": "good:1", "HostConfig": rest}),
                    ("POST", "/containers/create?name=on-back", {"Image": "good:1", "HostConfig": {"NetworkMode": "back", "Binds": ["data:/d"], "Links": ["base:b"]}}),
                    ("GET", "/networks/back", None), ("POST", "/networks/back/connect", {"Container": "base", "EndpointConfig": {"Links": ["rest:r"]}}),
                    ("POST", "/networks/back/disconnect", {"Container": "base"}), ("GET", "/volumes/data", None), ("DELETE", "/containers/on-back", None)):
                client.call(method, target, body)
        self.build("FROM good:1", networkmode="back")
        self.build("FROM good:1", networkmode="container:base")
        own = re.compile(f"berth\\.{self.key}[./]")
        for sent in self.sent():
            kind, _, rest = sent.path.partition("/")
            subject = re.sub("/(json|history|tag|start|exec|archive|connect|disconnect|push)$", "", rest)
            asks_what_was_pulled = kind == "images" and sent.method == "GET" and rest.endswith("/json")
            if kind in ("containers", "networks", "images", "volumes") and not asks_what_was_pulled and subject not in ("create", "json", "get", "prune", ""):
                self.assertTrue(ID.fullmatch(subject) or own.match(subject), f"by name: {sent}")
            for key in ("container", "networkmode"):
                if value := sent.query.get(key):
                    self.assertTrue(ID.fullmatch(value.removeprefix("container:")) or (key == "networkmode" and own.match(value)), f"by name: {sent}")
            if kind == "images" and rest == "get":
                for value in re.findall("names=([^&]*)", sent.query_text):
                    self.assertRegex(value, f"^berth\\.{self.key}(/|%2F)|^sha256(:|%3A)")
            if sent.path == "containers/create":
                body, host = sent.json(), sent.json()["HostConfig"]
                self.assertTrue(ID.fullmatch(body["Image"]))
                for mode in (host.get("PidMode", ""), host.get("IpcMode", "")):
                    self.assertTrue(not mode.startswith("container:") or ID.fullmatch(mode[10:]), host)
                self.assertTrue(own.match(host["NetworkMode"]) or ID.fullmatch(host["NetworkMode"].removeprefix("container:")), host)
                self.assertTrue(all(ID.fullmatch(each.split(":")[0]) for each in host.get("VolumesFrom", [])), host)
                self.assertTrue(all(own.match(each) for each in host.get("Binds", [])), host)
        self.call("DELETE", "/containers/rest")

    @attacks.shows("V-01 V-03", "refused: a trigger names nothing but stages")
    def test_triggers_name_stages_alone(self):
        for lines in (("FROM good:1 AS a", "ONBUILD COPY --from=corp/private:1 /secret /loot", "FROM a"), ("FROM evil:1",), ("FROM good:1 AS corp", "FROM evil:1"),
                      ("FROM good:1 AS a", "ONBUILD COPY --from=ab12 /secret /loot", "FROM a AS b", "FROM b")):
            with self.subTest(lines):
                status, text = self.build(*lines)
                self.assertTrue(status == 403 or "--from" in text, text)
        self.assertEqual(self.sent("POST", "^build$"), [])
        for target, body in (("/commit?container=base&changes=" + quote("ONBUILD COPY --from=corp/private:1 /secret /loot"), {}),
                             ("/images/create?fromSrc=-&changes=" + quote("ONBUILD COPY --from=corp/private:1 /secret /loot"), b"")):
            self.assertEqual(self.call("POST", target, body).status, 403, target)
        self.assertEqual([each for each in self.sent("POST", "^(commit|images/create)$") if "evil" not in each.query_text], [])

    @attacks.shows("V-04", "only what is needed is sent")
    def test_stages_behind_the_target_stay_here(self):
        self.assertEqual(self.build("FROM good:1 AS one", "FROM corp/private:1 AS two", "COPY --from=corp/private:1 / /", target="one")[0], 200)
        self.assertEqual(self.sent("POST", "^images/create$"), [])

    @attacks.shows("V-08", "refused at once, and nobody waits")
    def test_variables_that_double(self):
        kilo = "x" * 1000
        doubled = [f"ARG A{i + 1}=$A{i}$A{i}" for i in range(18)]  # 262 MB
        bombs = {"values before FROM": [f"ARG A0={kilo}", *doubled, *["ARG B=$A18"] * 20, "FROM good:1"],
                 "the engine's own": ["FROM good:1", f"ENV A0={kilo}", *[each.replace("ARG", "ENV", 1) for each in doubled]],
                 "triggers": ["FROM good:1 AS s", f"ENV A={kilo}", *["ONBUILD ENV A=$A$A"] * 18, "FROM s"],
                 "instructions": ["FROM good:1", *["RUN x"] * 100_000],
                 "bases": [f"FROM b{i}" for i in range(500)]}
        memory = self.berth.memory_peak()
        for name, lines in bombs.items():
            with self.subTest(name):
                begun = time.monotonic()
                status, text = self.build(*lines)
                self.assertEqual(status, 403, text[:300])
                self.assertIn('\\"dockerfile\\"', text)
                self.assertLess(time.monotonic() - begun, 5)
        self.assertLess(self.berth.memory_peak() - memory, 100)
        self.assertEqual(self.sent("POST", "^(build|images/create)$"), [])
        changes = "".join("&changes=" + quote(each) for each in ["ENV A=" + kilo, *["ENV A=$A$A"] * 30])
        self.assertEqual(self.call("POST", "/commit?container=base" + changes, {}).status, 403)


class Fetching(FakeCase):
    """A job whose engine may fetch URLs."""

    rules = "[profile.default]\nbuild.remote_files = true\n"

    @attacks.shows("V-09", "refused by rule \"images.registries_local\"")
    def test_add_dials_no_address_of_the_host(self):
        for url in ("http://127.0.0.1:9200/x", "http://169.254.169.254/latest", "http://localhost/", "http://[::1]/", "http://2130706433/", "http://$H/x"):
            for line in (f"ADD {url} /x", f'ADD ["{url}", "/x"]', f"ONBUILD ADD {url} /x"):
                with self.subTest(line), self.client() as client:
                    context = tar_of({"Dockerfile": f"FROM busybox\nARG H=127.0.0.1\n{line}\n"})
                    reply = client.send(request("POST", "/build", context, content_type="application/x-tar")).reply()
                    self.assertEqual(reply.status, 400 if "$" in url else 403, reply)
                    self.assertIn("connect", reply.message())
        self.assertEqual(self.sent("POST", "^build$"), [])
        with self.client() as client:
            context = tar_of({"Dockerfile": "FROM busybox\nARG V=1\nADD https://files.example/$V.tgz $V /x\n"})
            self.assertEqual(client.send(request("POST", "/build", context, content_type="application/x-tar")).reply().status, 200)
        self.assertIn("ADD https://files.example/$V.tgz ./$V /x", self.engine.check_sealed(self.sent("POST", "^build$")[0]))


class MadeAnew(FakeCase):
    """What is made anew under its name while the engine has not yet answered the request that removed it."""

    def race(self, kind, table):
        """Two removals of `again`, between which it is made anew; the first hears last that there was nothing to remove."""
        real, asked, removals = f"berth.{self.key}.again", threading.Event(), []
        is_there = lambda: any(each["Name"] == real for each in table.values())
        self.assertEqual(self.call("POST", f"/{kind}/create", {"Name": "again"}).status, 201)

        def answer(channel, sent):
            key, first = next((key, each) for key, each in table.items() if each["Name"] == real)
            asked.set()
            end = time.monotonic() + 0.5
            while table.get(key) is first and time.monotonic() < end:
                time.sleep(0.01)
            missing = table.get(key) is not first
            if not missing:
                del table[key]
            end = time.monotonic() + 0.5
            while missing and not is_there() and time.monotonic() < end:
                time.sleep(0.01)
            removals.append(len(self.sent("DELETE", f"^{kind}/")))
            channel.reply(*((404, {"message": f"{kind} {real} not found"}) if missing else (204,)))

        self.engine.on("DELETE", f"^{kind}/", answer)
        first = in_background(lambda: self.call("DELETE", f"/{kind}/again").status)
        self.assertTrue(asked.wait(20))
        self.call("DELETE", f"/{kind}/again")
        made = self.call("POST", f"/{kind}/create", {"Name": "again"})
        self.assertEqual(made.status, 201, made)
        first()
        self.assertEqual(removals, [1], "the engine is asked for the second removal before it has answered the first")
        self.assertTrue(is_there())
        self.assertEqual(self.call("GET", f"/{kind}/again").status, 200, "the engine has it, and the job has forgotten it")

    @attacks.shows("V-13", "one after the other: the new one is the job's")
    def test_a_volume(self):
        self.race("volumes", self.engine.volumes)

    @attacks.shows("V-14", "one after the other: the new one keeps its lease")
    def test_a_network(self):
        self.race("networks", self.engine.networks)
        self.assertEqual(self.call("POST", "/networks/create", {"Name": "next"}).status, 201)
        subnets = [each["Body"]["IPAM"]["Config"][0]["Subnet"] for each in self.engine.networks.values()]
        self.assertEqual(len(subnets), len(set(subnets)), subnets)
