"""A build rests on what its job pulled or built, and on nothing else that the engine has."""

import gzip
import json
import tarfile
import time
from urllib.parse import quote

import attacks
from builds import STEP_THAT_WAITS, VICTIM, Builds, tar_with

ENGINES = ("distribution", "trixie")


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
