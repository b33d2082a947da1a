"""A build rests on what its job pulled or built, and on nothing else that the engine has."""

import gzip
import io
import json
import tarfile
import threading
import time
from urllib.parse import quote

import attacks
from harness import EngineCase
from tools import tar_of

VICTIM = "victim/private:1"
SECRET = "TOPSECRET"


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

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.engine.docker.ok("build", "-t", VICTIM, "-", input=f"FROM busybox\nRUN echo {SECRET} >/secret\n")

    @classmethod
    def tearDownClass(cls):
        cls.engine.docker.ok("rmi", VICTIM)
        super().tearDownClass()

    def send(self, context, tag="loot", job=None, **query):
        """The status and the text of `POST /build`."""
        path = f"/build?t={quote(tag, safe='')}" + "".join(f"&{key}={quote(value, safe='')}" for key, value in query.items())
        status, content = (job or self.job).api.call("POST", path, context, raw=True)
        return status, content.decode(errors="replace") if isinstance(content, bytes) else str(content)

    def assert_no_loot(self, context, **query):
        status, text = self.send(context, **query)
        self.assertTrue(status >= 400 or '"error"' in text, f"was built: {status} {text}")
        self.assertNotIn(SECRET, text)
        self.assertNotIn("loot:latest", self.job.ok("images", "--format", "{{.Repository}}:{{.Tag}}"))
        self.assertNotEqual(self.engine.docker("image", "inspect", "loot").code, 0, "the engine has the refused build's tag")

    def dockerfile(self, *lines):
        return tar_of({"Dockerfile": "\n".join(lines) + "\n"})


class Attacks(Builds):
    @attacks.shows("I-03 B-19", "refused or pulled with the job's own credentials")
    def test_from_a_foreign_image(self):
        identity = self.engine.docker.ok("image", "inspect", "-f", "{{.Id}}", VICTIM)
        for name in (VICTIM, identity, identity.removeprefix("sha256:")[:12]):
            with self.subTest(name):
                self.assert_no_loot(self.dockerfile(f"FROM {name}"))
                self.assert_no_loot(self.dockerfile(f"FROM {name}", "RUN cat /secret"))

    def test_by_a_variable(self):
        self.assert_no_loot(self.dockerfile(f"ARG B={self.job.image}", "FROM $B", "RUN cat /secret"), buildargs=json.dumps({"B": VICTIM}))
        self.assert_no_loot(self.dockerfile(f"ARG B={VICTIM}", "FROM ${B}", "RUN cat /secret"))

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
        self.engine.docker.ok("tag", VICTIM, "stagename")
        self.addCleanup(self.engine.docker.ok, "rmi", "stagename")
        self.assert_no_loot(self.dockerfile(f"FROM {self.job.image} AS stagename", "COPY --from=stagename / /loot", "RUN cat /loot/secret"))

    def test_here_documents_hide_no_stage(self):
        self.engine.docker.ok("tag", VICTIM, "stagename")
        self.addCleanup(self.engine.docker.ok, "rmi", "stagename")
        base = f"FROM {self.job.image}"
        self.assert_no_loot(self.dockerfile(base, "RUN <<E", f"{base} AS stagename", base, "E", "COPY --from=stagename / /loot"))

    def test_the_trigger_of_a_base(self):
        base = f"FROM {self.job.image}"
        self.job.build("trigger", {"Dockerfile": f"{base}\nONBUILD COPY --from={VICTIM} / /loot\n"})
        self.assert_no_loot(self.dockerfile("FROM trigger"))
        self.assert_no_loot(self.dockerfile(base, f"ONBUILD COPY --fr\\om={VICTIM} / /loot"))

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
        self.engine.docker.ok("build", "-t", "dangling", "-", input="FROM busybox\nRUN echo hosts-own >/x\n")
        identity = self.engine.docker.ok("image", "inspect", "-f", "{{.Id}}", "dangling")
        self.engine.docker.ok("build", "-t", "dangling", "-", input="FROM busybox\nRUN echo next >/x\n")
        self.addCleanup(self.engine.docker, "rmi", identity)
        self.addCleanup(self.engine.docker.ok, "rmi", "dangling")
        time.sleep(3)
        short = identity.removeprefix("sha256:")[:12]
        self.send(self.dockerfile(f"FROM {self.job.image}", f'RUN printf " ---> {short}\\n"; sleep 1; echo'), tag="printed")
        self.assertNotEqual(self.job.docker("image", "inspect", identity).code, 0)
        self.job.ok("rmi", "printed")

    @attacks.shows("I-02", "tags are the job's own")
    def test_a_tag_that_moves_in_another_job_moves_no_base(self):
        self.job.build("handed", {"Dockerfile": f"FROM {self.job.image}\nRUN echo mine >/whose\n"})
        other = self.open_job()
        context = self.dockerfile(f"FROM {self.job.image}", "RUN sleep 3", "FROM handed", "RUN grep -x mine /whose")
        answers = []
        build = threading.Thread(target=lambda: answers.append(self.send(context, "resting")))
        build.start()
        time.sleep(1)
        other.build("handed", {"Dockerfile": f"FROM {other.image}\nRUN echo theirs >/whose\n"})
        build.join()
        self.assertIn("Successfully tagged resting:latest", answers[0][1])
        self.assertEqual(other.ok("run", "--rm", "handed", "cat", "/whose"), "theirs")
        self.assertEqual(self.job.ok("run", "--rm", "handed", "cat", "/whose"), "mine")

    @attacks.shows("B-08 B-17", "not taken over")
    def test_steps_of_another_job_are_no_cache(self):
        other = self.open_job()
        steps = ("RUN head -c 16 /dev/urandom >/random", "RUN echo last >/last")
        sums = []
        for job in (self.job, self.job, other):
            self.send(self.dockerfile(f"FROM {job.image}", *steps), "cached", job)
            sums.append(job.ok("run", "--rm", "cached", "md5sum", "/random"))
        self.assertEqual(sums[0], sums[1], "a job's own steps are its cache")
        self.assertNotEqual(sums[0], sums[2], "another job's step was taken over")


class Kept(Builds):
    """What Docker's builder does with what is the job's."""

    def build(self, context, tag="mine", **query):
        status, text = self.send(context, tag, **query)
        self.assertTrue(status == 200 and '"error"' not in text, f"{status} {text}")
        self.addCleanup(self.job.docker, "rmi", "-f", tag)
        return text

    def run_mine(self, *command):
        return self.job.ok("run", "--rm", "mine", *command)

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
                self.assertEqual(self.run_mine("cat", "/x"), "built")

    def test_an_own_base_with_triggers(self):
        self.build(self.dockerfile(f"FROM {self.job.image}", "ONBUILD RUN touch /triggered"), "trigger")
        self.build(self.dockerfile("FROM trigger", "RUN test -e /triggered"))

    def test_a_packed_context_and_one_without_names(self):
        self.build(gzip.compress(self.dockerfile(f"FROM {self.job.image}", "RUN echo packed >/x")))
        self.assertEqual(self.run_mine("cat", "/x"), "packed")
        self.job.ok("build", "-t", "mine", "-", input=f"FROM {self.job.image}\nRUN echo alone >/x\n")
        self.assertEqual(self.run_mine("cat", "/x"), "alone")

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
        other.ok("rmi", "loot")

    def test_a_failed_build_keeps_the_tag_where_it_was(self):
        self.build(self.dockerfile(f"FROM {self.job.image}", "RUN echo first >/x"))
        self.send(self.dockerfile(f"FROM {self.job.image}", "RUN false"), "mine")
        self.assertEqual(self.run_mine("cat", "/x"), "first")

    def test_a_base_is_pulled_with_the_jobs_credentials(self):
        name = f"{self.registry().address}/busybox"
        text = self.build(self.dockerfile(f"FROM {name}", "RUN echo pulled >/x"))
        self.assertIn("Pulling from", text)
        self.assertEqual(self.run_mine("cat", "/x"), "pulled")
