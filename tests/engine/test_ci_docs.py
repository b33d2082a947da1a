"""The hooks of docs/ci.md, run with the variables that the CI systems set."""

import re
import tempfile
from pathlib import Path

from harness import BINARY, ROOT, EngineCase
from tools import SYSTEM_PATH, run

ENGINES = ("trixie",)


class Hooks(EngineCase):
    jobs_wanted = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        text = (ROOT / "docs/ci.md").read_text()
        cls.hooks = dict(re.findall(r"```sh\n# (\S+)\n(.*?)```", text, re.S))
        cls.place = Path(tempfile.mkdtemp(dir=cls.engine.folder))
        (cls.place / "jq").write_text('#!/usr/bin/python3\nimport json, sys\nprint(json.load(sys.stdin)[sys.argv[2][1:]])\n')
        (cls.place / "jq").chmod(0o755)
        (cls.place / "berth").symlink_to(BINARY)

    def hook(self, name, variables, after="", arguments=()):
        """The hook's exit status and output, as a shell with these variables runs it, with `-e` as runners do."""
        return run(["bash", "-ec", self.hooks[name] + after, name, *arguments],
                   env={"PATH": f"{self.place}:{SYSTEM_PATH}", "BERTH_ADMIN": str(self.berth.admin), **variables})

    def good(self, *arguments, **options):
        result = self.hook(*arguments, **options)
        self.assertEqual((result.code, result.err), (0, ""))
        return result.out

    def jobs(self):
        return {each.split()[0] for each in self.berth.ok("job", "list").splitlines()[1:]}

    def checkout(self):
        folder = Path(tempfile.mkdtemp(dir=self.place))
        (folder / "file").write_text("checked out")
        return folder

    def bound(self, folder):
        """A step's command: the checkout, bound into a container."""
        build = f"tar -cf - -C {self.place}/image . | docker import - box >/dev/null\n"
        (self.place / "image").mkdir(exist_ok=True)
        run(["sh", "-c", f"cp $(command -v busybox) {self.place}/image/busybox"])
        return f"\nexport PATH={Path(self.engine.toolchain.docker).parent}:$PATH\n{build}docker run --rm -v {folder}:/in box /busybox cat /in/file\n"

    def test_github(self):
        folder, variables = self.checkout(), self.place / "github-env"
        names = {"GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_JOB": "test", "RUNNER_NAME": "box", "RUNNER_WORKSPACE": str(folder),
                 "GITHUB_REPOSITORY": "us/shop", "GITHUB_ENV": str(variables)}
        self.good("github-started.sh", names)
        given = dict(line.split("=", 1) for line in variables.read_text().splitlines())
        self.assertEqual(self.jobs(), {given["BERTH_JOB"]})
        step = run(["bash", "-ec", self.bound(folder)], env={"PATH": SYSTEM_PATH, "DOCKER_CONFIG": str(self.engine.config), **given})
        self.assertEqual((step.code, step.out), (0, "checked out"), step.err)
        self.good("github-completed.sh", names)
        self.assertEqual(self.jobs(), set())

    def test_gitlab(self):
        folder = self.checkout()
        self.hooks = {name: text.replace("/builds", str(folder)) for name, text in self.hooks.items()}
        names = {"CUSTOM_ENV_CI_JOB_ID": "123", "CUSTOM_ENV_CI_PROJECT_PATH": "us/shop", "BUILD_FAILURE_EXIT_CODE": "3", "DOCKER_CONFIG": str(self.engine.config)}
        self.assertEqual(self.good("gitlab-prepare.sh", names), "")
        script = self.place / "script.sh"
        script.write_text("set -e\n" + self.bound(folder))
        self.assertEqual(self.good("gitlab-run.sh", names, arguments=[script, "build_script"]), "checked out")
        script.write_text("exit 1")
        self.assertEqual(self.hook("gitlab-run.sh", names, arguments=[script, "build_script"]).code, 3)
        self.good("gitlab-cleanup.sh", names)
        self.assertEqual(self.jobs(), set())

    def test_buildkite(self):
        folder = self.checkout()
        names = {"BUILDKITE_JOB_ID": "01-ab", "BUILDKITE_BUILD_CHECKOUT_PATH": str(folder), "BUILDKITE_PIPELINE_SLUG": "shop", "DOCKER_CONFIG": str(self.engine.config)}
        self.assertEqual(self.good("hooks/pre-command", names, after=self.bound(folder)), "checked out")
        self.good("hooks/pre-exit", names)
        self.assertEqual(self.jobs(), set())
