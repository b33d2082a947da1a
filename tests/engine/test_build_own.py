"""What Docker's builder does with what is the job's own, it does through berth too."""

import gzip
import json
import tarfile
from urllib.parse import quote

from builds import VICTIM, Builds, tar_with
from tools import tar_of

ENGINES = ("distribution", "trixie")


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

    def test_names_come_through_byte_by_byte(self):
        """As a Mac writes them, whose letters are composed of two; in no encoding; and links to such."""
        names = {"gru\u0308\u00dfe": r"gru\314\210\303\237e", b"caf\xe9".decode(errors="surrogateescape"): r"caf\351"}
        for name, spelt in names.items():
            with self.subTest(spelt):
                context = tar_with(("Dockerfile", f"FROM {self.job.image}\nCOPY . /ctx\n"), (name, "1"), ("link", tarfile.SYMTYPE, name), ("hard", tarfile.LNKTYPE, name))
                self.build(context)
                self.assertEqual(self.run_mine("sh", "-c", f"cat /ctx/link /ctx/hard \"/ctx/$(printf '{spelt}')\""), "111")

    def test_the_same_build_is_cached(self):
        context = tar_of({"Dockerfile": f"FROM {self.job.image}\nCOPY x /x\nRUN true\n", "x": "x"})
        self.build(context)
        self.assertEqual(self.build(context).count("Using cache"), 2)

    def test_all_names_of_an_image_move_at_once(self):
        """The image before has no name then, and is the job's all the same: it goes with it."""
        for word in ("first", "second"):
            self.build(self.dockerfile(f"FROM {self.job.image}", f"LABEL word={word}"), "one", t="two")
        nameless = [each["Id"] for each in self.job.api.get("/images/json?filters=" + quote('{"dangling": ["true"]}'))]
        labels = [self.job.api.get(f"/images/{each}/json")["Config"]["Labels"] for each in nameless]
        self.assertIn({"word": "first"}, labels)
        self.job.do("rmi", "-f", "one", "two")

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
