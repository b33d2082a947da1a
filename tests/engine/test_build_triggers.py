"""The triggers (ONBUILD) of what a build rests on name nothing but what is its job's."""

import hashlib
import io
import json
import tarfile
from urllib.parse import quote

import attacks
from builds import VICTIM, Builds, tar_with

ENGINES = ("distribution", "trixie")


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
