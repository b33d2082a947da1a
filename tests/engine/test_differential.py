"""What berth accepts, the engine understands exactly as berth judged it; what berth refuses, the engine alone would have taken for this or that.

Inputs are those of corpus.py and framings.py, and variants made by seeds (BERTH_DIFFERENTIAL_SEED, default 1; BERTH_DIFFERENTIAL_COUNT times as many).
"""

import collections
import json
import os
from concurrent.futures import ThreadPoolExecutor

import attacks
import corpus
import variants
from differential import DifferentialCase, ask, exchange
from framings import ONE_CREATE_FRAMINGS, REFUSED_FRAMINGS, request
from recorder import canonical

ENGINES = ("distribution", "trixie")

SEED = int(os.environ.get("BERTH_DIFFERENTIAL_SEED", "1"))
COUNT = int(os.environ.get("BERTH_DIFFERENTIAL_COUNT", "1"))


class Differential(DifferentialCase):
    @attacks.shows("J-01 J-02 J-03 J-04 J-05 J-06 J-07 J-08 J-09 J-10 J-11 J-12 J-13 J-14 J-15 J-16 J-17 J-18 J-19 J-20 J-21 J-22")
    def test_bodies_of_the_corpus(self):
        tally = collections.Counter()
        for name, status, body in corpus.REFUSED_BODIES:
            if len(body) < 1 << 20:
                with self.subTest(name):
                    before = collections.Counter(tally)
                    self.try_body(tally, name, body if isinstance(body, bytes) else body.encode())
                    taken = tally["refused, and the engine alone would take it"] > before["refused, and the engine alone would take it"]
                    for attack in attacks.first_ids(name):
                        attacks.saw(attack, status, f"{name}: nothing was sent; the engine alone would {'make a container of it' if taken else 'refuse it'}")
        for name, body in corpus.ACCEPTED_BODIES:
            with self.subTest(name):
                self.try_body(tally, name, body.encode())
        self.report("bodies of the corpus", tally)

    def meaning(self, field, facts):
        """What the engine took a field for, in words that do not depend on whose container it is."""
        value = facts.get(field)
        if field == "Binds":
            return sorted((each["Destination"], each["RW"]) for each in facts["Mounts"])
        if field == "ExtraHosts":
            return [each.removesuffix(self.job.address()) + "host-gateway" if each.endswith(":" + self.job.address()) else each for each in value or []]
        if field in ("PortBindings", "ExposedPorts"):
            ports = [(int(number), protocol or "tcp") for number, _, protocol in (each.partition("/") for each in value or {}) if "-" not in number]
            return sorted(ports), sorted(str(int(each["HostPort"] or 0)) if each["HostPort"].isdigit() else each["HostPort"] or "0" for some in (value or {}).values() for each in some or [])
        if field == "Tmpfs":
            return {path: sorted({word for word in options.split(",") if word and not word.startswith("size")}) for path, options in value.items()}
        if field == "SecurityOpt":
            return [each.replace(":", "=").removesuffix("=true") for each in value or []]
        if field in ("IpcMode", "PidMode", "NetworkMode", "VolumesFrom"):
            ids = {each["Id"]: "base" for each in self.engine.api.get("/containers/json?all=1") if each["Names"][0].endswith("base")}
            texts = [value] if isinstance(value, str) else value
            return [":".join(ids.get(piece, piece) for piece in each.split(":") if piece) for each in texts or []]
        if field == "LogConfig":
            return value["Type"], {key: word for key, word in value["Config"].items() if word == self.asked_log.get(key)}
        return value

    def facts_with_mounts(self, identity):
        return {**self.facts(identity), "Mounts": self.engine.api.get(f"/containers/{identity}/json")["Mounts"]}

    @attacks.shows("V-63", "cut as the engine cuts it, or refused")
    def test_texts_that_are_cut(self):
        tally = collections.Counter()
        self.engine.do("create", "--name", "base", "busybox")
        self.job.ok("run", "-d", "--name", "base", "--ipc", "shareable", "busybox", "sleep", "1000")
        inputs = [(field, value, json.dumps({"Image": "busybox", **({field: value} if field in corpus.TOP_LEVEL else {"HostConfig": {field: value}})}).encode())
                  for field, values in corpus.CUT_TEXTS.items() for value in values]
        # For a driver of logs that it does not know, the engine looks among its plugins for a quarter of a minute: these are asked ahead.
        pool = ThreadPoolExecutor()
        self.addCleanup(pool.shutdown)
        ahead = {data: pool.submit(ask, self.engine.socket, "POST", f"/{self.api}/containers/create", data)
                 for field, value, data in inputs if field == "LogConfig" and value["Type"] not in ("json-file", "none")}
        for field, value, data in sorted(inputs, key=lambda each: each[2] in ahead):
            with self.subTest(field, value=value):
                self.asked_log = value.get("Config", {}) if field == "LogConfig" else {}
                before = self.present()
                status, content = ask(self.job.door, "POST", f"/{self.api}/containers/create", data)
                alone, answer = ahead[data].result() if data in ahead else ask(self.engine.socket, "POST", f"/{self.api}/containers/create", data)
                self.assertFalse(data in ahead and alone == 201, "the engine knows this driver: it is not to be asked ahead")
                try:
                    if status == 201:
                        self.assertEqual(alone, 201, f"berth took what the engine refuses: {answer}")
                        mine, own = (self.facts_with_mounts(json.loads(each)["Id"]) for each in (content, answer))
                        self.assertEqual(self.meaning(field, mine), self.meaning(field, own))
                    else:
                        self.assertIn(status, (400, 403, 404, 409), content)
                    tally["accepted" if status == 201 else "refused by both" if alone != 201 else "refused, and the engine alone would take it"] += 1
                finally:
                    self.remove_new(before)
        self.job.do("rm", "-f", "base")
        self.engine.docker("rm", "-f", "base")
        self.engine.docker("volume", "rm", "cut")
        self.report("texts that are cut", tally)
        self.assertGreater(tally["accepted"], 30)

    def test_bodies_by_seed(self):
        tally = collections.Counter()
        for number in range(120 * COUNT):
            rng = variants.seeded(f"body {SEED} {number}")
            kind, data = variants.body_variant(rng, "busybox")
            with self.subTest(f"{SEED}/{number} {kind}", data=data[:2000]):
                self.try_body(tally, kind, data)
        self.report("bodies by seed", tally)
        self.assertGreater(tally["accepted"], 20)
        self.assertGreater(tally["refused, and the engine alone would open a way to the host"], 10)

    # Queries.

    def try_query(self, tally, method, path, query, understood):
        """`understood(content)`: what an answer tells of how the query was read, where it can be told."""
        mark = self.recorder.mark()
        with ThreadPoolExecutor() as both:  # some take a second
            through = both.submit(ask, self.job.door, method, f"/{self.api}{path}?{query}")
            alone, answer = ask(self.engine.socket, method, f"/{self.api}{path.replace('/box/', f'/{self.box}/')}?{query}")
            status, content = through.result()
        for line, _ in self.recorder.since(mark):
            target = line.split(" ")[1]
            names = [each.split("=")[0] for each in target.partition("?")[2].split("&") if each]
            self.assertEqual(len(names), len(set(names)), line)
            self.assertRegex(target, r"^[A-Za-z0-9_.~%&=+/?:@-]*$")
        if status == 200:
            self.assertEqual(alone, 200, f"berth took what the engine refuses: {answer}")
            self.assertEqual(understood(content), understood(answer), "berth read the query otherwise than the engine does")
            tally["accepted"] += 1
        else:
            self.assertIn(status, (400, 403, 404), content)
            tally["refused"] += 1
            tally["refused, and the engine alone would take it"] += alone == 200

    @attacks.shows("J-29 J-30 J-31 J-32 J-33")
    def test_queries_by_seed(self):
        self.box = self.job.do("run", "-d", "--name", "box", "-l", "a=b", "busybox", "sh", "-c", "for n in 1 2 3 4 5; do echo $n; done; echo e >&2; sleep 1000")
        self.job.do("create", "--name", "idle", "-l", "c=d", "busybox")
        own = {each["Id"] for each in self.engine.api.get("/containers/json?all=1") if each["Labels"].get("berth.key") == self.job.key}
        quoted = [each.replace("{", "%7B").replace("}", "%7D").replace('"', "%22").replace(" ", "+") for each in (
            '{"label":["a=b"]}', '{"label":{"a=b":true}}', '{"label":{"a=b":false}}', '{"label":["a","c"]}', '{"status":["running"]}', '{"status":["created","running"]}', "{}",
            '{"label":[]}', "null", '{"label":["a=b"],"label":["c=d"]}', '{"label":["a=b"],"status":{"running":true}}', '{"LABEL":["a"]}', '{"label":"a"}', "[]", '{"label":["a"]}}',
            '{"evil":["x"]}', '{"label":["a"]} x', "{", '{"label!":["a"]}')]
        cases = (
            ("GET", "/containers/json", {"all": variants.TRUTHS, "size": variants.TRUTHS, "filters": quoted},
             lambda content: sorted((each["Id"], "SizeRootFs" in each) for each in json.loads(content) if each["Id"] in own)),
            ("GET", "/containers/box/json", {"size": variants.TRUTHS}, lambda content: "SizeRootFs" in json.loads(content)),
            ("GET", "/containers/box/logs", {"stdout": variants.TRUTHS, "stderr": variants.TRUTHS, "tail": ["all", "2", "0", "+1", "-1", "x", "", "00", "1e1"],
                                             "follow": ["0", "no", "false"], "timestamps": ["0", "none"], "since": ["0", "1", "x", ""]}, lambda content: content),
            ("GET", "/containers/box/stats", {"stream": ["0", "no", "FALSE"], "one-shot": ["1", "0"]}, lambda content: sorted(json.loads(content))),
        )
        tally = collections.Counter()
        for number in range(200 * COUNT):
            rng = variants.seeded(f"query {SEED} {number}")
            method, path, choices, understood = rng.choices(cases, (8, 3, 6, 1))[0]
            query = variants.query_variant(rng, choices)
            if path.endswith("stats") and not query.startswith("stream=0"):
                query = "stream=0&" + query  # else it has no end
            with self.subTest(f"{SEED}/{number} {path}?{query}"):
                self.try_query(tally, method, path, query, understood)
        self.job.do("rm", "-f", "box", "idle")
        text = self.report("queries by seed", tally)
        self.assertGreater(tally["accepted"], 30)
        for attack in ("J-29", "J-30", "J-31", "J-32", "J-33"):
            attacks.saw(attack, "written anew, or 400", text)

    # Paths.

    @attacks.shows("H-05 N-09")
    def test_paths_by_seed(self):
        box = self.job.do("create", "--name", "box", "busybox")
        self.engine.do("create", "--name", "box", "busybox")
        tally = collections.Counter()
        for number in range(200 * COUNT):
            target = variants.path_variant(variants.seeded(f"path {SEED} {number}"), "box")
            with self.subTest(f"{SEED}/{number} {target}"):
                mark = self.recorder.mark()
                status = (exchange(self.job.door, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1"), 1) or [0])[0]
                sent = [line.split(" ")[1] for line, _ in self.recorder.since(mark)]
                alone = (exchange(self.engine.socket, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1"), 1) or [0])[0]
                if status == 200:
                    self.assertTrue(sent)
                    for each in sent:
                        self.assertRegex(each, rf"^/v1\.[0-9]+/containers/{box}/json$")
                    self.assertIn(alone, (200, 400), "berth took what the engine does not know")  # 400: a version that is too new for it, or too old
                    tally["accepted"] += 1
                else:
                    self.assertIn(status, (400, 404))
                    self.assertEqual(sent, [])
                    tally["refused"] += 1
                    tally["refused, and the engine alone would take it"] += alone == 200
                    tally["refused, and the engine alone would redirect it"] += alone == 301
        self.job.do("rm", "box")
        self.engine.do("rm", "box")
        text = self.report("paths by seed", tally)
        for attack in ("H-05", "N-09"):
            attacks.saw(attack, "written anew, or 400 and 404", text)
        self.assertGreater(tally["accepted"], 20)

    # Framings.

    @attacks.shows("H-01 H-04 H-08")
    def test_framings_of_the_corpus(self):
        """Behind each stands a second request, which makes a container: what is read otherwise would let it through."""
        tally = collections.Counter()
        for docker in (self.job.docker, self.engine.docker):
            docker.ok("create", "--name", "base", "busybox")
        smuggled = request("POST", f"/{self.api}/containers/create?name=smuggled", {"Image": "busybox"})
        framings = [(name, data, False) for name, _, data in REFUSED_FRAMINGS] + [(name, data, True) for name, data in ONE_CREATE_FRAMINGS]
        for name, data, taken in framings:
            with self.subTest(name):
                before = self.present()
                mark = self.recorder.mark()
                statuses = exchange(self.job.door, data + (b"" if taken else smuggled), 1 if taken else 4)
                sent = [each for each in self.recorder.since(mark, "^(POST|DELETE) ")]
                if taken:
                    self.assertEqual(statuses, [201])
                    self.assertEqual(len(sent), 1)
                    self.assertEqual(canonical(sent[0][1])["Image"], self.minimal_sent["Image"])
                    tally["accepted"] += 1
                else:
                    self.assertEqual((len(statuses), sent), (1, []), statuses)
                    self.assertIn(statuses[0], (400, 413, 417, 431, 505))
                    tally["refused"] += 1
                self.remove_new(before)
                alone = exchange(self.engine.socket, data + (b"" if taken else smuggled), 1 if taken else 3, 10 if taken else 0.3)
                made = len(self.present() - before)
                if not taken:
                    tally["refused, and the engine alone would take it"] += bool(alone) and alone[0] < 300
                    tally["refused, and the engine alone would take what stands behind it, too"] += len(alone) > 1 and alone[1] < 300
                else:
                    self.assertEqual(made, 1, f"the engine reads it otherwise: {alone}")
                self.remove_new(before)
        for docker in (self.job.docker, self.engine.docker):
            docker.ok("rm", "-f", "base")
        text = self.report("framings of the corpus", tally)
        for attack in ("H-01", "H-04", "H-08"):
            attacks.saw(attack, "refused and closed, or one request", text)
