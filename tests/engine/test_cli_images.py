"""Builds, tags and pulls by the docker CLI through a door."""

from harness import EngineCase

ENGINES = ("newest",)


class Builds(EngineCase):
    def build(self, files, tag, *args, code=0):
        folder = self.engine.folder / f"context-{self.id().rsplit('.')[-1]}"
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        result = self.job.docker("build", "-t", tag, *args, folder, timeout=120)
        self.assertEqual(result.code, code, result.out + result.err)
        return result

    def test_steps_arguments_and_an_ignored_file(self):
        self.build({"Dockerfile": f"FROM {self.job.image}\nARG WHO=nobody\nENV WHO=$WHO\nCOPY . /ctx\nRUN echo built for $WHO >/made\n"
                                  "LABEL team=red\nCMD cat /made && ls /ctx\n",
                    ".dockerignore": "secret\n", "secret": "x", "open": "y"}, "steps", "--build-arg", "WHO=me")
        out = self.job.ok("run", "--rm", "steps").split("\n")
        self.assertEqual(out[0], "built for me")
        self.assertIn("open", out)
        self.assertNotIn("secret", out)
        self.assertIn("steps", self.job.ok("images", "--format", "{{.Repository}}"))
        self.assertIn("LABEL team=red", self.job.ok("history", "--no-trunc", "steps"))
        self.assertEqual(self.job.ok("images", "-q", "--filter", "label=team=red"), self.job.ok("images", "-q", "steps"))
        self.job.ok("rmi", "steps")

    def test_stages(self):
        self.build({"Dockerfile": f"FROM {self.job.image} AS maker\nRUN echo thing >/thing\nFROM {self.job.image}\n"
                                  "COPY --from=maker /thing /thing\nCMD cat /thing\n"}, "stages")
        self.assertEqual(self.job.ok("run", "--rm", "stages"), "thing")
        self.job.ok("rmi", "stages")

    def test_a_build_that_fails_says_why(self):
        result = self.build({"Dockerfile": f"FROM {self.job.image}\nRUN echo trying; exit 9\n"}, "fails", code=9)
        self.assertIn("returned a non-zero code: 9", result.err)
        self.assert_private(result.out + result.err)
        self.assertEqual(self.job.ok("images", "-q", "fails"), "")

    def test_tags_come_and_go(self):
        self.job.ok("tag", self.job.image, "other:1.0")
        self.assertEqual(self.job.ok("inspect", "-f", "{{.Id}}", "other:1.0"), self.job.ok("inspect", "-f", "{{.Id}}", self.job.image))
        self.assertEqual(self.job.ok("images", "--format", "{{.Repository}}:{{.Tag}}", "other"), "other:1.0")
        self.assertEqual(self.job.ok("images", "--format", "{{.Tag}}", "--filter", "reference=oth*"), "1.0")
        self.assertIn("Untagged: other:1.0", self.job.ok("rmi", "other:1.0"))
        self.refused(self.job.docker("inspect", "--type", "image", "other:1.0"), "no such image", code=1)
        self.assertTrue(self.job.ok("images", "-q", self.job.image))

    def test_parents_are_kept_where_that_is_asked_for(self):
        self.build({"Dockerfile": f"FROM {self.job.image}\nRUN echo one >/one\nRUN echo two >/two\nCMD cat /one\n"}, "grown")
        identity = self.job.ok("inspect", "-f", "{{.Id}}", "grown")
        parent = self.engine.docker.ok("inspect", "-f", "{{.Parent}}", identity)  # the job itself does not see the steps that it holds by a child
        self.job.ok("rmi", "--no-prune", "grown")
        self.refused(self.job.docker("image", "inspect", identity), "no such image", code=1)
        self.assertEqual(self.job.ok("images", "-q", "--no-trunc", "--filter", "dangling=true"), parent)
        self.assertEqual(self.job.ok("run", "--rm", parent, "cat", "/one", "/two"), "one\ntwo")
        self.job.ok("rmi", parent)
        self.assertEqual(self.job.ok("images", "-q", "--filter", "dangling=true"), "")

    def test_an_image_in_use_is_not_removed(self):
        self.job.ok("create", "--name", "user", self.job.image)
        self.refused(self.job.docker("rmi", self.job.image), "conflict", code=1)
        self.job.ok("rm", "user")

    def test_dangling_images_are_listed_and_pruned(self):
        self.build({"Dockerfile": f"FROM {self.job.image}\nLABEL turn=1\n"}, "again")
        first = self.job.ok("images", "-q", "again")
        self.build({"Dockerfile": f"FROM {self.job.image}\nLABEL turn=2\n"}, "again")
        self.assertEqual(self.job.ok("images", "-q", "--filter", "dangling=true"), first)
        self.assertIn("Total reclaimed space", self.job.ok("image", "prune", "-f"))
        self.assertEqual(self.job.ok("images", "-q", "--filter", "dangling=true"), "")
        self.job.ok("rmi", "again")

    def test_a_pulled_image_runs(self):
        self.registry()
        self.refused(self.job.docker("run", "--rm", "--pull", "never", "127.0.0.1:5000/busybox", "true"), "no such image", code=125)
        self.job.ok("pull", "127.0.0.1:5000/busybox")
        self.assertEqual(self.job.ok("run", "--rm", "127.0.0.1:5000/busybox", "echo", "pulled"), "pulled")
        self.job.ok("rmi", "127.0.0.1:5000/busybox")

    def test_run_pulls_what_is_missing(self):
        self.registry()
        self.assertEqual(self.job.ok("run", "--rm", "127.0.0.1:5000/busybox", "echo", "pulled"), "pulled")
        self.job.ok("rmi", "127.0.0.1:5000/busybox")

    def test_a_pull_of_what_no_registry_has_fails(self):
        self.registry()
        self.refused(self.job.docker("pull", "127.0.0.1:5000/nothing"), "not found", code=1)
