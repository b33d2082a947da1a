"""A build rests on what its job pulled or built, and on nothing else that the engine has."""

import contextlib
import gzip
import hashlib
import io
import json
import tarfile
import threading
import time
from urllib.parse import quote

import attacks
from harness import EngineCase
from tools import tar_of, wait_for

ENGINES = ("distribution", "trixie")

VICTIM = "victim/private:1"
SECRET = "TOPSECRET"
STEP_THAT_WAITS = "RUN trap 'exit 0' TERM; touch /waiting; while :; do sleep 0.1; done"  # until it is told to end, see Builds.amid


def tar_with(*entries):
    """A tar of (name, text) files and (name, type, target) links, in order, names repeated as given."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, *what in entries:
            info = tarfile.TarInfo(name)
            if len(what) == 1:
                data = what[0].encode()
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            else:
                info.type, info.linkname = what
                tar.addfile(info)
    return out.getvalue()


class Builds(EngineCase):
    """The host has an image with a secret that no job ever pulled."""

    network = "none"  # of the steps, which have nothing to do with it: a step without takes two thirds of the time

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.engine.build(VICTIM, "FROM busybox\nCOPY secret /secret\n", secret=SECRET)

    @classmethod
    def tearDownClass(cls):
        cls.engine.do("rmi", VICTIM)
        super().tearDownClass()

    def send(self, context, tag="loot", job=None, **query):
        """The status and the text of `POST /build`."""
        path = f"/build?t={quote(tag, safe='')}&networkmode={self.network}" + "".join(f"&{key}={quote(value, safe='')}" for key, value in query.items())
        status, content = (job or self.job).api.call("POST", path, context, raw=True)
        return status, content.decode(errors="replace") if isinstance(content, bytes) else str(content)

    def assert_no_loot(self, context, **query):
        status, text = self.send(context, **query)
        self.assertTrue(status >= 400 or '"error"' in text, f"was built: {status} {text}")
        self.assertNotIn(SECRET, text)
        self.assertNotIn("loot:latest", [name for each in self.job.api.get("/images/json") for name in each["RepoTags"] or []])
        self.assertEqual(self.engine.api.call("GET", "/images/loot/json")[0], 404, "the engine has the refused build's tag")

    @contextlib.contextmanager
    def amid(self, context, tag, **query):
        """The block runs while the build is in its STEP_THAT_WAITS; what is given to it waits for the build's (status, text)."""
        answers = []
        build = threading.Thread(target=lambda: answers.append(self.send(context, tag, **query)))
        build.start()

        def step():
            for each in self.engine.api.get("/containers/json"):
                if "/waiting" in each["Command"] and self.engine.api.call("HEAD", f"/containers/{each['Id']}/archive?path=/waiting")[0] == 200:
                    return each["Id"]
            assert build.is_alive(), f"the build ended before the step: {answers}"
            return None

        def answer():
            build.join(60)
            return answers[0]
        waiting = wait_for(step, 30, "the step that waits")
        try:
            yield answer
            assert build.is_alive(), f"the build did not wait: {answers}"
        finally:
            self.engine.api.call("POST", f"/containers/{waiting}/kill?signal=TERM")

    def dockerfile(self, *lines):
        return tar_of({"Dockerfile": "\n".join(lines) + "\n"})


class Attacks(Builds):
    @attacks.shows("I-03 B-19", "refused or pulled with the job's own credentials")
    def test_from_a_foreign_image(self):
        identity = self.engine.api.get(f"/images/{VICTIM}/json")["Id"]
        for name in (VICTIM, identity, identity.removeprefix("sha256:")[:12]):
            with self.subTest(name):
                self.assert_no_loot(self.dockerfile(f"FROM {name}"))
                self.assert_no_loot(self.dockerfile(f"FROM {name}", "RUN cat /secret"))

    def test_by_a_variable(self):
        self.assert_no_loot(self.dockerfile(f"ARG B={self.job.image}", "FROM $B", "RUN cat /secret"), buildargs=json.dumps({"B": VICTIM}))
        self.assert_no_loot(self.dockerfile(f"ARG B={VICTIM}", "FROM ${B}", "RUN cat /secret"))
        # Engines before 23.0 do not know this one by themselves, newer ones do.
        for name in ("ALL_PROXY", "all_proxy"):
            self.assert_no_loot(self.dockerfile(f"FROM {self.job.image} AS a", "RUN echo fine", f"FROM ${{{name}:-{VICTIM}}}", "RUN cat /secret"), buildargs=json.dumps({name: "a"}))

    @attacks.shows("I-03", "refused")
    def test_copy_from_in_every_spelling(self):
        base = f"FROM {self.job.image}"
        for copy in (f"COPY --from={VICTIM} / /loot", f"COPY --fr\\om={VICTIM} / /loot", f'COPY --"from"={VICTIM} / /loot',
                     f"COPY\v--from={VICTIM} / /loot", f"COPY\f--from={VICTIM} / /loot", f"copy --chown=0 --from={VICTIM} / /loot",
                     f"COPY \\\n# comment\n --from={VICTIM} / /loot"):
            with self.subTest(copy):
                self.assert_no_loot(self.dockerfile(base, copy, "RUN cat /loot/secret"))

    def test_what_a_step_prints_names_no_stage(self):
        self.assert_no_loot(self.dockerfile(
            f"FROM {self.job.image}", f'RUN printf "Step 9/9 : FROM bb AS {VICTIM}\\n"; sleep 1; printf " ---> 0123456789ab\\n"',
            f"COPY --from={VICTIM} / /loot", "RUN cat /loot/secret"))

    def test_the_current_stage_is_an_image_to_copy_from(self):
        self.engine.do("tag", VICTIM, "stagename")
        self.addCleanup(self.engine.docker.ok, "rmi", "stagename")
        self.assert_no_loot(self.dockerfile(f"FROM {self.job.image} AS stagename", "COPY --from=stagename / /loot", "RUN cat /loot/secret"))

    def test_here_documents_hide_no_stage(self):
        self.engine.do("tag", VICTIM, "stagename")
        self.addCleanup(self.engine.docker.ok, "rmi", "stagename")
        base = f"FROM {self.job.image}"
        self.assert_no_loot(self.dockerfile(base, "RUN <<E", f"{base} AS stagename", base, "E", "COPY --from=stagename / /loot"))

    def test_behind_and_before_the_target(self):
        own = f"FROM {self.job.image} AS last"
        for lines in ((f"FROM {VICTIM} AS first", own), (own, f"FROM {VICTIM} AS last"), (own, f"FROM {self.job.image}", f"FROM {VICTIM} AS LAST", "FROM scratch"),
                      (own, f"COPY --from={VICTIM} /secret /loot")):
            with self.subTest(lines):
                self.assert_no_loot(self.dockerfile(*lines, "RUN cat /secret"), target="last")
        self.assert_no_loot(self.dockerfile(own, f"FROM {VICTIM} AS other", "RUN cat /secret"), target="absent")

    def test_a_second_dockerfile(self):
        good, evil = f"FROM {self.job.image}\nRUN cat /secret\n", f"FROM {VICTIM}\nRUN cat /secret\n"
        for name, context in {
            "later": tar_with(("Dockerfile", good), ("Dockerfile", evil)),
            "earlier": tar_with(("./Dockerfile", evil), ("Dockerfile", good)),
            "other spelling": tar_with(("Dockerfile", good), ("x/../Dockerfile", evil)),
            "symbolic link": tar_with(("evil", evil), ("Dockerfile", tarfile.SYMTYPE, "evil")),
            "hard link": tar_with(("evil", evil), ("Dockerfile", tarfile.LNKTYPE, "evil")),
            "link after it": tar_with(("Dockerfile", good), ("evil", evil), ("Dockerfile", tarfile.SYMTYPE, "evil")),
            "hidden behind the end": tar_with(("Dockerfile", good)) + tar_with(("Dockerfile", evil)),
            "packed": gzip.compress(tar_with(("Dockerfile", evil))),
        }.items():
            with self.subTest(name):
                self.assert_no_loot(context)
        linked = tar_with(("e/Dockerfile", evil), ("d", tarfile.SYMTYPE, "e"), ("d/Dockerfile", good))
        self.assert_no_loot(linked, dockerfile="d/Dockerfile")

    @attacks.shows("K-10 B-03", "what steps print is not believed")
    def test_ids_that_a_step_prints_are_not_recorded(self):
        self.engine.build("dangling", "FROM busybox\nLABEL of=the-host\n")
        identity, made = self.engine.api.get("/images/dangling/json")["Id"], time.monotonic()
        self.engine.build("dangling", "FROM busybox\nLABEL of=the-next\n")
        self.addCleanup(self.engine.docker, "rmi", identity)
        self.addCleanup(self.engine.docker.ok, "rmi", "dangling")
        time.sleep(max(0, made + 3 - time.monotonic()))  # what is younger than the build, with two seconds for the clocks, could be its own
        short = identity.removeprefix("sha256:")[:12]
        self.send(self.dockerfile(f"FROM {self.job.image}", f'RUN printf " ---> {short}\\n"; sleep 1; echo'), tag="printed")
        self.assertNotEqual(self.job.docker("image", "inspect", identity).code, 0)
        self.job.do("rmi", "printed")

    @attacks.shows("I-02", "tags are the job's own")
    def test_a_tag_that_moves_in_another_job_moves_no_base(self):
        handed = {"Dockerfile": f"FROM {self.job.image}\nCOPY whose /whose\n"}
        self.job.build("handed", {**handed, "whose": "mine\n"})
        other = self.open_job()
        with self.amid(self.dockerfile(f"FROM {self.job.image}", STEP_THAT_WAITS, "FROM handed", "RUN grep -x mine /whose"), "resting") as answer:
            other.build("handed", {**handed, "whose": "theirs\n"})
        self.assertIn("Successfully tagged resting:latest", answer()[1])
        self.assertEqual(other.read("handed", "/whose"), "theirs\n")
        self.assertEqual(self.job.read("handed", "/whose"), "mine\n")

    @attacks.shows("B-08 B-17", "not taken over")
    def test_steps_of_another_job_are_no_cache(self):
        other = self.open_job()
        steps = ("RUN head -c 16 /dev/urandom | md5sum >/random", "RUN cp /random /last-of-random")
        sums = []
        for job in (self.job, self.job, other):
            self.send(self.dockerfile(f"FROM {job.image}", *steps), "cached", job)
            sums.append(job.read("cached", "/last-of-random"))
        self.assertEqual(sums[0], sums[1], "a job's own steps are its cache")
        self.assertNotEqual(sums[0], sums[2], "another job's step was taken over")


class Triggers(Builds):
    """What an ONBUILD names is looked up by the builder when it runs: in the build of whoever rests on the image."""

    trigger = f"ONBUILD COPY --from={VICTIM} /secret /loot"

    def names(self):
        identity = self.engine.api.get(f"/images/{VICTIM}/json")["Id"].removeprefix("sha256:")
        return VICTIM, next(identity[:length] for length in range(4, 13) if not identity[:length].isdigit())

    @attacks.shows("V-01", "refused: a trigger names nothing but stages")
    def test_of_a_stage(self):
        base = f"FROM {self.job.image} AS a"
        for name in self.names():
            trigger = f"ONBUILD COPY --from={name} /secret /loot"
            for lines in ((base, trigger, "FROM a"), (base, trigger, "FROM A AS b", "FROM b"), (base, trigger, f"FROM {self.job.image}", "FROM a"),
                          (base, "ONBUILD RUN true", f"onbuild\tcopy --chown=0 \\\n --from={name} /secret /loot", "FROM a AS b", "FROM a")):
                with self.subTest(lines):
                    self.assert_no_loot(self.dockerfile(*lines, "RUN cat /loot"))
        self.assert_no_loot(self.dockerfile(base, f"ONBUILD COPY --fr\\om={VICTIM} / /loot"))
        self.assert_no_loot(self.dockerfile(base, f"ONBUILD ONBUILD COPY --from={VICTIM} / /loot", "FROM a", "FROM a"))

    @attacks.shows("V-03", "refused in the build that rests on it")
    def test_of_an_image_however_it_came(self):
        rest = self.dockerfile("FROM evil", "RUN cat /loot")
        expression = self.trigger.removeprefix("ONBUILD ")
        self.job.do("create", "--name", "source", self.job.image)
        archive = self.archive_with(expression)
        for how, make in {"settings of a commit": lambda: self.job.api.call("POST", "/commit?container=source&repo=evil", {"OnBuild": [expression]}),
                          "an archive": lambda: self.job.api.call("POST", "/images/load", archive, raw=True),
                          "an archive, nested": lambda: self.job.api.call("POST", "/images/load", self.archive_with(self.trigger), raw=True)}.items():
            with self.subTest(how):
                make()
                self.assertIn("--from", self.job.ok("inspect", "-f", "{{json .Config.OnBuild}}", "evil"))
                self.assert_no_loot(rest)
                self.assert_no_loot(self.dockerfile("FROM evil AS a", "FROM a", "FROM a", "RUN cat /loot"))
                self.assert_no_loot(self.dockerfile(f"FROM {self.job.image}", "FROM evil AS victim", "RUN cat /loot"))
                self.job.do("rmi", "evil")
        self.job.do("rm", "source")

    def archive_with(self, expression):
        layer = tar_with(("made", "x"))
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"OnBuild": [expression]},
                             "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
        manifest = json.dumps([{"Config": "config.json", "RepoTags": ["evil:latest"], "Layers": ["layer.tar"]}]).encode()
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, data in {"config.json": config, "manifest.json": manifest, "layer.tar": layer}.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return out.getvalue()

    @attacks.shows("V-03", "refused in the build that rests on it")
    def test_of_a_pulled_image(self):
        registry = self.registry()
        self.engine.build("pulled-trigger", f"FROM busybox\n{self.trigger}\n")
        name = registry.push("pulled-trigger", "trigger")
        self.engine.do("rmi", "pulled-trigger")
        self.assert_no_loot(self.dockerfile(f"FROM {name}", "RUN cat /loot"))
        self.engine.do("rmi", name)  # the host's cache

    @attacks.shows("V-04", "refused")
    def test_among_the_changes_of_a_commit_and_an_import(self):
        self.job.do("create", "--name", "source", self.job.image)
        for changes in ((self.trigger,), ("CMD x", "ONBUILD COPY \\", f"--from={VICTIM} /secret /loot")):
            query = "".join("&changes=" + quote(each) for each in changes)
            for path, body in (("/commit?container=source&repo=evil" + query, {}), ("/images/create?fromSrc=-&repo=evil" + query, tar_with(("a", "b")))):
                with self.subTest(path):
                    status, content = self.job.api.call("POST", path, body)
                    self.assertEqual((status, "dockerfile" in str(content)), (403, True), content)
        self.job.do("rm", "source")

    def test_names_of_stages_are_those_of_the_build_that_runs_it(self):
        """A stage's name in an image's trigger is an image's name where the build has no such stage."""
        self.engine.do("tag", VICTIM, "builder")
        self.addCleanup(self.engine.docker.ok, "rmi", "builder")
        own = f"FROM {self.job.image} AS builder"
        status, text = self.send(self.dockerfile(own, "RUN echo mine >/secret", f"FROM {self.job.image}", "ONBUILD COPY --from=builder /secret /loot"), tag="base")
        self.assertIn("Successfully tagged base:latest", text, status)
        self.assert_no_loot(self.dockerfile("FROM base", "RUN cat /loot"))
        self.assert_no_loot(self.dockerfile("FROM base AS builder", "RUN cat /loot"))
        status, text = self.send(self.dockerfile(own, "RUN echo own >/secret", "FROM base", "RUN cat /loot"))
        self.assertIn("own\\n", text, status)
        self.job.do("rmi", "loot", "base")

    def test_a_number_is_never_an_image(self):
        """Nor do RUN --mount and variables name one."""
        base = f"FROM {self.job.image}"
        for lines in ((base, "COPY --from=7 /secret /loot"), (base, "COPY --from=0 /secret /loot"), (base, "ONBUILD COPY --from=7 /secret /loot", base, "COPY --from=1 /x /x"),
                      (base + " AS a", "ONBUILD COPY --from=7 /secret /loot", "FROM a"), (base, f"RUN --mount=from={VICTIM},target=/v cat /v/secret"),
                      (base, f"ARG V={VICTIM}", "COPY --from=$V /secret /loot"), (base, f"COPY --from=99999999999 /secret /loot"),
                      (f"# syntax={VICTIM}", base, f"RUN --mount=type=bind,from={VICTIM},target=/v cat /v/secret")):
            with self.subTest(lines):
                self.assert_no_loot(self.dockerfile(*lines, "RUN cat /loot"))


class Moved(Builds):
    """Names that the job itself moves between judgement and use."""

    def make(self, tag, *lines):
        self.job.build(tag, {"Dockerfile": "\n".join((f"FROM {self.job.image}", *lines)) + "\n", "text": tag.partition(":")[0]})
        return self.job.api.get(f"/images/{tag}/json")["Id"]

    def evil(self):
        """An image with a trigger that no Dockerfile of this job's can have."""
        self.job.do("create", "--name", "source", self.job.image)
        self.job.api.call("POST", "/commit?container=source&repo=evil&tag=1", {"OnBuild": [f"COPY --from={VICTIM} /secret /loot"]})
        self.job.do("rm", "source")
        self.assertIn("--from", self.job.ok("inspect", "-f", "{{json .Config.OnBuild}}", "evil:1"))

    @attacks.shows("V-02", "the ids that were judged are built on")
    def test_a_tag_that_moves_while_the_build_sleeps(self):
        good = self.make("good:1", "COPY text /text")
        self.evil()
        for source in ("FROM good:1", f"FROM --platform=linux/amd64 good:1 AS named\nFROM {self.job.image}\nCOPY --from=good:1 /text /text"):
            with self.subTest(source):
                self.job.do("tag", good, "good:1")
                with self.amid(self.dockerfile(f"FROM {self.job.image}", STEP_THAT_WAITS, source, "RUN cat /text; cat /loot || true"), "built:1", nocache="1") as answer:
                    self.job.do("tag", "evil:1", "good:1")
                status, text = answer()
                self.assertNotIn(SECRET, text)
                self.assertIn("Successfully tagged built:1", text, status)
                self.assertIn("FROM good:1" if source.endswith("good:1") else "COPY --from=good:1 /text /text", text, "the client sees what it wrote")
                for sent in ("FROM sha256:", "--from=sha256:", "berth."):
                    self.assertNotIn(sent, text)
                self.assertEqual(self.job.read("built:1", "/text"), "good")
        self.job.do("rmi", "-f", "built:1", "good:1", "evil:1")

    @attacks.shows("V-07", "held until the build has ended")
    def test_a_base_that_is_removed_while_the_build_sleeps(self):
        good = self.make("gone:1", "COPY text /text")
        with self.amid(self.dockerfile(f"FROM {self.job.image}", STEP_THAT_WAITS, "FROM gone:1", "RUN cat /text >/copy"), "built:1", nocache="1") as answer:
            self.job.do("rmi", "gone:1")
            self.job.docker("rmi", "-f", good)
            self.job.ok("image", "prune", "-af")
        status, text = answer()
        self.assertIn("Successfully tagged built:1", text, status)
        self.assertEqual(self.job.read("built:1", "/copy"), "gone")
        self.assert_nothing_held()
        self.job.do("rmi", "built:1")
        self.assertNotEqual(self.engine.docker("image", "inspect", good).code, 0, "what the job removed is gone, now that nothing rests on it")
        self.job.load_busybox()
        self.send(self.dockerfile(f"FROM {self.job.image}", "RUN false"), "built:1")
        self.assert_nothing_held()

    def assert_nothing_held(self):
        self.assertEqual([name for name in self.engine.snapshot()["image names"] if f"{self.job.key}/image:build-" in name], [])

    @attacks.shows("V-05", "each container is of the image that was judged")
    def test_a_tag_that_moves_while_containers_are_made(self):
        ids = {self.make("plain:1"): None, self.make("checked:1", "HEALTHCHECK --interval=1s CMD true"): 1}
        stop = threading.Event()

        def flip():
            while not stop.is_set():
                for tag in ("plain:1", "checked:1"):
                    self.job.api.call("POST", f"/images/{tag}/tag?repo=flipped&tag=1")

        self.job.do("tag", "plain:1", "flipped:1")
        flipper = threading.Thread(target=flip)
        flipper.start()
        try:
            for number in range(12):
                status, made = self.job.api.call("POST", f"/containers/create?name=flipped{number}", {"Image": "flipped:1", "HostConfig": {"Binds": [f"fresh{number}:/x"]}})
                if status == 404:
                    continue  # amid a move the name is nobody's
                self.assertEqual(status, 201, made)
                real = self.engine.api.get(f"/containers/{made['Id']}/json")
                self.assertIn(real["Image"], ids)
                self.assertEqual(bool(real["Config"].get("Healthcheck")), ids[real["Image"]] is not None, "the image's own settings, and no other's")
                self.assertEqual(self.job.ok("inspect", "-f", "{{.Config.Image}}", made["Id"]), "flipped:1")
        finally:
            stop.set()
            flipper.join()
        self.job.ok("container", "prune", "-f")
        self.job.do("rmi", "flipped:1", "plain:1", "checked:1")

    @attacks.shows("V-06", "what is saved is the job's own, under the name that was asked for")
    def test_a_tag_that_moves_while_it_is_saved(self):
        ids = {self.make("first:1", "COPY text /text"), self.make("second:1", "COPY text /text")}
        stop = threading.Event()

        def flip():
            while not stop.is_set():
                for tag in ("first:1", "second:1"):
                    self.job.api.call("POST", f"/images/{tag}/tag?repo=flipped&tag=1")

        self.job.do("tag", "first:1", "flipped:1")
        flipper = threading.Thread(target=flip)
        flipper.start()
        try:
            for _ in range(5):
                status, archive = self.job.api.call("GET", "/images/get?names=flipped:1", raw=True)
                if status == 404:
                    continue  # amid a move the name is nobody's
                self.assertEqual(status, 200)
                with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                    entry, = json.load(tar.extractfile("manifest.json"))
                    self.assertEqual(entry["RepoTags"], ["flipped:1"])
                    self.assertIn("sha256:" + hashlib.sha256(tar.extractfile(entry["Config"]).read()).hexdigest(), ids)
        finally:
            stop.set()
            flipper.join()
        self.job.do("rmi", "flipped:1", "first:1", "second:1")


class Bounds(Builds):
    @attacks.shows("V-08", "refused before the engine makes anything of it")
    def test_what_the_engine_would_have_to_write_out(self):
        base, first = f"FROM {self.job.image}", "ENV A0=" + "x" * 1000
        doubled = [f"ENV A{i + 1}=$A{i}$A{i}" for i in range(10)]
        self.job.do("create", "--name", "source", self.job.image)
        for lines in ((base, first, *doubled), (base + " AS s", "ENV A=" + "x" * 1000, *["ONBUILD ENV A=$A$A"] * 10, "FROM s"), (base, *["RUN true"] * 1001)):
            with self.subTest(lines[2]):
                status, text = self.send(self.dockerfile(*lines))
                self.assertEqual(status, 403, text[:300])
                self.assertIn("dockerfile", text)
        changes = "".join("&changes=" + quote(each) for each in (first, *doubled))
        self.assertEqual(self.job.api.call("POST", "/commit?container=source&repo=long" + changes, {})[0], 403)
        self.job.ok("commit", "-c", "ENV A=$PATH:/x B=b", "source", "short:1")
        self.assertIn("/x", self.job.ok("inspect", "-f", "{{.Config.Env}}", "short:1"))
        self.job.do("rm", "source")
        self.job.do("rmi", "short:1")

    @attacks.shows("V-09", "refused by rule \"build.remote_files\", which no job that only observes has open")
    def test_what_the_engine_would_dial(self):
        trusted = self.open_job("--profile", "trusted")
        for url in ("http://127.0.0.1:1/x", "http://localhost:1/x", "http://169.254.169.254/x", "http://[::1]:1/x", "http://2130706433:1/x", "http://mine.example/which-answers-elsewhere"):
            with self.subTest(url):
                status, text = self.send(self.dockerfile(f"FROM {trusted.image}", f"ADD {url} /x"), job=trusted)
                self.assertEqual((status, "build.remote_files" in text), (403, True), text)
        status, text = self.send(self.dockerfile(f"FROM {trusted.image}", "ARG U=http://127.0.0.1:1/x", "ADD $U /x"), job=trusted)
        self.assertIn('"error"', text, status)
        self.assertNotIn("refused", text, "nobody was dialled")


class Kept(Builds):
    """What Docker's builder does with what is the job's."""

    network = "default"

    def build(self, context, tag="mine", **query):
        status, text = self.send(context, tag, **query)
        self.assertTrue(status == 200 and '"error"' not in text, f"{status} {text}")
        self.addCleanup(self.job.api.call, "DELETE", f"/images/{tag}?force=1")
        return text

    def run_mine(self, *command):
        return self.job.do("run", "--rm", "mine", *command)

    def test_stages_variables_and_other_places(self):
        image = self.job.image
        files = {"deploy/Dockerfile": f"ARG B=none\nFROM $B AS one\nRUN echo 1 >/one\nFROM {image}\nCOPY --from=one /one /a\nCOPY --from=0 /one /b\n"
                                      f"COPY --from={image} /bin/sh /c\nCOPY . /ctx\n", "in": "x", "out": "y", ".dockerignore": "out\n"}
        self.build(tar_of(files), buildargs=json.dumps({"B": image}), dockerfile="deploy/../deploy/Dockerfile")
        self.assertEqual(self.run_mine("sh", "-c", "cat /a /b; ls /ctx/deploy"), "1\n1\nDockerfile")

    def test_stages_behind_the_target_are_left_alone(self):
        lines = (f"FROM {self.job.image} AS one", "RUN echo built >/x", "FROM registry.invalid/absent:1 AS two", f"FROM {VICTIM}", "COPY --from=one /x /x")
        for target in ("one", "ONE"):
            with self.subTest(target):
                text = self.build(self.dockerfile(*lines), target=target)
                self.assertNotIn("registry.invalid", text)
                self.assertEqual(self.job.read("mine", "/x").strip(), "built")

    def test_an_own_base_with_triggers(self):
        self.build(self.dockerfile(f"FROM {self.job.image}", "ONBUILD RUN touch /triggered"), "trigger")
        self.build(self.dockerfile("FROM trigger", "RUN test -e /triggered"))

    def test_a_packed_context_and_one_without_names(self):
        self.build(gzip.compress(self.dockerfile(f"FROM {self.job.image}", "RUN echo packed >/x")))
        self.assertEqual(self.job.read("mine", "/x").strip(), "packed")
        self.job.ok("build", "-t", "mine", "-", input=f"FROM {self.job.image}\nRUN echo alone >/x\n")
        self.assertEqual(self.job.read("mine", "/x").strip(), "alone")

    def test_names_and_links_of_the_context_come_through(self):
        context = tar_with(("Dockerfile", f"FROM {self.job.image}\nCOPY . /ctx\n"), ("grüße", "1"), ("n" * 150, "2"), ("link", tarfile.SYMTYPE, "grüße"))
        self.build(context)
        self.assertEqual(self.run_mine("sh", "-c", "cat /ctx/link /ctx/nnn*"), "12")

    def test_the_same_build_is_cached(self):
        context = tar_of({"Dockerfile": f"FROM {self.job.image}\nCOPY x /x\nRUN true\n", "x": "x"})
        self.build(context)
        self.assertEqual(self.build(context).count("Using cache"), 2)

    def test_a_failed_build_leaves_its_tag_to_others(self):
        self.assert_no_loot(self.dockerfile(f"FROM {self.job.image}", "RUN false"))
        other = self.open_job()
        other.build("loot", {"Dockerfile": f"FROM {other.image}\nLABEL a=b\n"})
        other.do("rmi", "loot")

    def test_a_failed_build_keeps_the_tag_where_it_was(self):
        self.build(self.dockerfile(f"FROM {self.job.image}", "RUN echo first >/x"))
        self.send(self.dockerfile(f"FROM {self.job.image}", "RUN false"), "mine")
        self.assertEqual(self.job.read("mine", "/x").strip(), "first")

    def test_a_base_is_pulled_with_the_jobs_credentials(self):
        name = f"{self.registry().address}/busybox"
        text = self.build(self.dockerfile(f"FROM {name}", "RUN echo pulled >/x"))
        self.assertIn("Pulling from", text)
        self.assertEqual(self.job.read("mine", "/x").strip(), "pulled")
