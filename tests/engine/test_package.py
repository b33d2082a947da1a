"""The package, installed, upgraded, removed and purged on a machine with a real systemd."""

from installed import MachineCase, package

ENGINES = ("newest",)

PACKAGE_FILES = ["/etc/berth/berth.toml", "/usr/bin/berth", "/usr/lib/systemd/system/berth.service", "/usr/lib/systemd/system/berth.socket",
                 "/usr/lib/systemd/system/berth-names.socket", "/usr/lib/systemd/system/berth-names@.service",
                 "/usr/lib/systemd/system/berth-cleanup.service", "/usr/lib/systemd/system/berth-cleanup.timer", "/usr/lib/sysusers.d/berth.conf",
                 "/usr/lib/tmpfiles.d/berth.conf", "/usr/share/bash-completion/completions/berth", "/usr/share/fish/vendor_completions.d/berth.fish",
                 "/usr/share/man/man1/berth.1", "/usr/share/man/man5/berth.toml.5", "/usr/share/man/man5/berth-rules.5",
                 "/usr/share/doc/berth/examples/rules.toml", "/usr/share/doc/berth/examples/berth.service.d/own-mounts.conf"]

STARTED = ("berth.service", "berth.socket", "berth-names.socket", "berth-cleanup.timer")


class Package(MachineCase):
    """Installed, upgraded, removed and purged, as one goes through it."""

    def files(self):
        found = self.machine.ok("find", "/etc", "/usr", "/var/lib", "/run", "-xdev", "-name", "*berth*").splitlines()
        # The machine has this one's /etc, where tests beside this one give their network namespaces files.
        return sorted(each for each in found if not each.startswith(("/var/lib/dpkg", "/usr/share/doc/berth/", "/etc/netns/")))

    def test_installs_starts_upgrades_removes_and_purges(self):
        before = self.files()
        first, second = package(self.place), package(self.place, "9.9.9")
        self.install(first)
        listed = self.machine.ok("dpkg", "-L", "berth").splitlines()
        self.assertEqual([each for each in PACKAGE_FILES if each not in listed and each.replace("/usr/lib/", "/lib/") not in listed], [])
        self.assertEqual(self.machine.ok("dpkg", "--verify", "berth"), "")
        self.serving()
        self.assertEqual([self.machine.state(each) for each in STARTED], ["active"] * 4)
        self.assertEqual([self.machine.inside("systemctl", "is-enabled", each).out.strip() for each in STARTED], ["enabled"] * 4)
        self.assertIn("berth", self.machine.ok("getent", "group", "berth"))

        door = self.machine.ok("berth", "job", "open", "stays").removeprefix("unix://")
        inode = self.machine.ok("stat", "-c", "%i", door)
        process = self.machine.property("berth.service", "MainPID")
        self.machine.write("/etc/berth/berth.toml", 'log_level = "warn"\n')
        self.install(second, "--force-confold")
        self.serving()
        self.assertNotEqual(self.machine.property("berth.service", "MainPID"), process)
        self.assertEqual(self.machine.ok("cat", "/etc/berth/berth.toml"), 'log_level = "warn"')
        self.assertEqual(self.machine.ok("stat", "-c", "%i", door), inode)
        self.assertEqual(self.machine.ok("curl", "-s", "--unix-socket", door, "http://docker/_ping"), "OK")

        self.assertEqual(self.machine.ok("curl", "-s", "--unix-socket", door, "-X", "POST", "http://docker/volumes/create", "-H", "Content-Type: application/json", "-d", "{}", "-o", "/dev/null", "-w", "%{http_code}"), "201")
        self.machine.ok("dpkg", "-r", "berth", timeout=120)
        self.assertEqual(self.difference(), "", "open jobs are ended before berth goes")
        self.assertNotEqual(self.machine.inside("systemctl", "is-active", "berth.socket").code, 0)
        self.assertEqual(self.machine.inside("test", "-e", "/usr/bin/berth").code, 1)
        self.assertEqual(self.machine.inside("test", "-e", "/etc/berth/berth.toml").code, 0, "settings stay until the purge")
        self.machine.ok("dpkg", "-P", "berth", timeout=120)
        self.assertEqual(self.files(), before)
        self.assertEqual(self.machine.inside("getent", "group", "berth").code, 2)
        self.assertEqual(self.machine.inside("test", "-e", "/etc/berth").code, 1)

    def test_without_systemd_running_it_installs_and_purges_too(self):
        # As in an image's build: another root without a first process.
        deb = package(self.place)
        script = ("set -e; mount -t tmpfs tmpfs /run; "
                  f"dpkg -i {deb} >&2; berth --version; berth config check; dpkg -P berth >&2; test ! -e /etc/berth; test ! -e /var/lib/berth")
        self.assertRegex(self.machine.ok("unshare", "-m", "sh", "-c", script, timeout=120), r"^\d+\.\d+\.\d+")
