"""What is installed, without an engine: files, units, settings, manual pages, completion."""

import os
import re
import shutil
import tempfile
import unittest
from pathlib import Path

from harness import BINARY
from tools import run

UNITS = ["berth.service", "berth.socket", "berth-names.socket", "berth-names@.service", "berth-cleanup.service", "berth-cleanup.timer"]
EXPOSURE_MAX = {"berth.service": 4.7, "berth-names@.service": 1.5, "berth-cleanup.service": 4.7}  # as `systemd-analyze security` counts


def berth(*args, **options):
    return run([BINARY, *args], **options)


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not (BINARY.parent / "cmake_install.cmake").exists():
            raise unittest.SkipTest("the binary under test has no build directory to install from")
        cls.root = Path(tempfile.mkdtemp(prefix="berth-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        made = run(["cmake", "--install", BINARY.parent], env={**os.environ, "DESTDIR": str(cls.root)})
        assert made.code == 0, made.err

    def test_every_file_is_in_its_place(self):
        found = sorted("/" + str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())
        self.assertEqual(found, sorted([
            "/etc/berth/berth.toml", "/usr/bin/berth", *(f"/usr/lib/systemd/system/{each}" for each in UNITS), "/usr/lib/sysusers.d/berth.conf",
            "/usr/lib/tmpfiles.d/berth.conf", "/usr/share/bash-completion/completions/berth", "/usr/share/fish/vendor_completions.d/berth.fish",
            "/usr/share/doc/berth/examples/berth.service.d/own-mounts.conf", "/usr/share/doc/berth/examples/rules.toml",
            "/usr/share/man/man1/berth.1", "/usr/share/man/man5/berth.toml.5", "/usr/share/man/man5/berth-rules.5"]))

    def test_the_units_are_right(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("there is no systemd-analyze")
        with tempfile.TemporaryDirectory() as folder:  # beside this machine's own units, on which they build
            for unit in UNITS:
                text = (self.root / "usr/lib/systemd/system" / unit).read_text()
                Path(folder, unit).write_text(text.replace("/usr/bin/berth", f"{self.root}/usr/bin/berth"))
            made = run(["systemd-analyze", "verify", "--man=no", *(f"{folder}/{unit}" for unit in UNITS)])
            self.assertEqual((made.code, [line for line in made.err.splitlines() if "berth" in line]), (0, []))

    def test_the_services_are_exposed_no_more_than_they_must(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("there is no systemd-analyze")
        for unit, most in EXPOSURE_MAX.items():
            made = run(["systemd-analyze", "security", "--offline=yes", f"--root={self.root}", unit])
            score = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", made.out)[1])
            print(f"       {unit}: exposure {score}")
            self.assertLessEqual(score, most, made.out)

    def test_the_examples_can_be_used(self):
        etc, doc = self.root / "etc/berth/berth.toml", self.root / "usr/share/doc/berth/examples"
        self.assertEqual(berth("config", "check", etc), (0, "", ""))
        everything = re.sub(r"(?m)^#(?! )", "", etc.read_text())
        etc.with_name("all.toml").write_text(everything)
        self.assertEqual(berth("config", "check", etc.with_name("all.toml")), (0, "", ""))
        self.assertEqual(berth("config", "show", etc.with_name("all.toml")).out.replace("values", "defaults"), everything)
        etc.with_name("all.toml").unlink()
        self.assertEqual(berth("rules", "check", doc / "rules.toml").code, 0)

    def test_the_manual_has_every_command_setting_and_rule(self):
        man = {page: (self.root / f"usr/share/man/man{page[-1]}" / page).read_text().replace("\\-", "-") for page in ("berth.1", "berth.toml.5", "berth-rules.5")}
        for group, names in {"": ["serve", "run", "cleanup", "doctor", "status"], "job ": ["open", "close", "renew", "list", "show"]}.items():
            for name in names:
                self.assertIn(f"\n.SS berth {group}{name}\n", man["berth.1"])
        for key in re.findall(r"(?m)^(\w+) = ", (BINARY.parent / "systemd/berth.toml").read_text().replace("\n#", "\n")):
            self.assertIn(f"\n.B {key} = ", man["berth.toml.5"])
        for key in re.findall(r"(?m)^\| `([\w.]+)` \|", berth("rules", "reference").out):
            self.assertIn(f"\n.B {key} = ", man["berth-rules.5"])
        if shutil.which("groff"):
            for page in man:
                made = run(["groff", "-man", "-Tutf8", "-ww", self.root / f"usr/share/man/man{page[-1]}" / page])
                self.assertEqual((made.code, made.err), (0, ""), page)

    def test_completion_offers_what_can_be_typed(self):
        script = self.root / "usr/share/bash-completion/completions/berth"

        def completed(*words):
            line = " ".join(f"'{word}'" for word in words)
            made = run(["bash", "-c", f". {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _berth; echo \"${{COMPREPLY[@]}}\""])
            self.assertEqual(made.err, "")
            return made.out.split()
        self.assertEqual(completed("berth", "job", "re"), ["renew"])
        self.assertEqual(completed("berth", "--admin", "x", "job", "open", "--la"), ["--label"])
        self.assertIn("--network-pool", completed("berth", "serve", "--"))
        self.assertEqual(completed("berth", "run", "--", "doc"), [])
        fish = (self.root / "usr/share/fish/vendor_completions.d/berth.fish").read_text()
        self.assertIn("'__fish_seen_subcommand_from job; and __fish_seen_subcommand_from open' -l ttl -r", fish)


class Help(unittest.TestCase):
    def test_every_command_has_examples_and_its_exit_status(self):
        def commands(path):
            listed = berth(*path, "--help").out
            names = re.findall(r"(?m)^  ([a-z]+)  ", listed.partition("\nSubcommands:\n")[2].partition("\nExamples")[0])
            return [each for name in names for each in commands([*path, name])] or [path]
        found = commands([])
        self.assertGreater(len(found), 15)
        for path in found:
            shown = berth(*path, "--help").out
            self.assertRegex(shown, rf"(?s)\nExamples:\n.*berth {path[0]}.*\nExit status: ", path)
        self.assertIn("Exit status: 0 done, 1 failed, 2 bad usage", berth("--help").out)


class Settings(unittest.TestCase):
    def check(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            made = berth("config", "check", file.name)
            return made.code, made.err.replace(file.name, "berth.toml").splitlines()[1:]

    def test_mistakes_are_told_with_place_and_nearest_key(self):
        self.assertEqual(self.check('\n  network_pol = "10.0.0.0/16"\n'), (1, ['berth.toml:2:3: unknown key "network_pol"; did you mean "network_pool"?']))
        self.assertEqual(self.check("[daemon]\nx = 1\n"), (1, ['berth.toml:1:2: unknown key "daemon"']))
        self.assertEqual(self.check('network_size = "26"\n'), (1, ["berth.toml:1:16: network_size: it must be a whole number"]))
        self.assertEqual(self.check('log_level = "loud"\n'), (1, ["berth.toml:1:13: log_level: it must be one of error, warn, info"]))
        self.assertEqual(self.check("engine = 7\nstate_dir = 8\n")[1], ["berth.toml:1:10: engine: it must be a text", "berth.toml:2:13: state_dir: it must be a path"])
        code, lines = self.check("engine = \n")
        self.assertEqual((code, lines[0][:13]), (1, "berth.toml:1:"))

    def test_flags_override_the_file(self):
        with tempfile.TemporaryDirectory() as folder:
            settings = Path(folder, "berth.toml")
            settings.write_text(f'state_dir = "{folder}/state"\nruntime_dir = "{folder}/run"\nengine = "unix://{folder}/of-the-file.sock"\n')
            made = berth("--admin", f"{folder}/none.sock", "doctor", "--config", settings)
            self.assertIn("of-the-file.sock", made.out)
            self.assertIn(f"{folder}/state", made.out)
            made = berth("--admin", f"{folder}/none.sock", "doctor", "--config", settings, "--engine", f"unix://{folder}/of-the-flag.sock")
            self.assertIn("of-the-flag.sock", made.out)
            self.assertNotIn("of-the-file.sock", made.out)
            self.assertIn(f"{folder}/state", made.out)

    def test_a_named_file_that_is_not_there_is_an_error(self):
        made = berth("serve", "--config", "/nonexistent/berth.toml")
        self.assertEqual((made.code, "/nonexistent/berth.toml" in made.err), (1, True))
        self.assertEqual(berth("serve", "--network-size", "wide").code, 2)
        self.assertEqual(berth("job", "close").code, 2)


if __name__ == "__main__":
    unittest.main()
