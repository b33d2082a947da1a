"""Bind mounts by the paths of an anchor that has its workspace from the host or in a volume."""

import ctypes
import json
import os
import threading
import time

import attacks
from harness import EngineCase
from pins import ALONE, mounts_of_berth

ENGINES = ("distribution", "trixie")

FLIP_SECONDS = 20


class Anchored(EngineCase):
    """An anchor with a directory of the host, a volume, nested and read-only mounts; its job speaks of the anchor's paths."""

    jobs_wanted = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.engine.folder / "builds"
        for name in ("sub", "nested", "ro"):
            (cls.host / name).mkdir(parents=True, exist_ok=True)
            (cls.host / name / "here").write_text(name)
        (cls.host / "file").write_text("a file")
        (cls.engine.folder / "other").mkdir(exist_ok=True)
        (cls.engine.folder / "other/here").write_text("other")
        os.chown(cls.host, 1234, 1234)
        cls.engine.do("volume", "create", "cache")
        cls.anchor = cls.engine.docker.ok(
            "run", "-d", "--name", "anchor", "-v", f"{cls.host}:/builds", "-v", f"{cls.engine.folder}/other:/builds/nested",
            "-v", f"{cls.host}/ro:/ro:ro", "-v", f"{cls.host}/file:/etc/job.conf:ro", "-v", "cache:/cache", "--tmpfs", "/scratch",
            "-v", f"{cls.engine.folder}/data:/engine", "busybox", "sleep", "100000")
        cls.engine.do("exec", "anchor", "sh", "-c", "mkdir /cache/deep; echo cached > /cache/deep/here; chown 77:77 /cache")
        cls.before = cls.engine.snapshot()
        cls.job = cls.open_job("--anchor", "anchor")

    @classmethod
    def tearDownClass(cls):
        volumes = set(cls.engine.snapshot()["volumes"])
        assert "cache" in volumes, volumes
        try:
            super().tearDownClass()
            assert (cls.host / "sub/here").read_text() == "sub", "the reap touched the workspace"
            assert cls.engine.do("exec", "anchor", "cat", "/cache/deep/here") == "cached"
            assert not mounts_of_berth(cls.berth), mounts_of_berth(cls.berth)
        finally:
            cls.engine.docker("rm", "-fv", "anchor")
            cls.engine.docker("volume", "rm", "cache")

    def cat(self, bind, path):
        return self.job.do("run", "--rm", *ALONE, "-v", bind, self.job.image, "cat", path)

    def refused_bind(self, source, *texts, **fields):
        """A create with a bind of `source`, or with a mount that has these fields, makes nothing."""
        host = {"Mounts": [{"Type": "bind", "Source": source, "Target": "/x", **fields["mount"]}]} if "mount" in fields else {"Binds": [f"{source}:/x"]}
        status, content = self.job.api.call("POST", "/containers/create", {"Image": self.job.image, "HostConfig": host})
        self.assertEqual(status, fields.get("status", 403), content)
        for text in texts:
            self.assertIn(text, content["message"])
        self.assert_private(content["message"])

    def test_the_anchor_is_known_by_its_full_id(self):
        self.assertEqual(self.job.show()["anchor"], self.anchor)
        self.assertIn("no container nowhere", self.berth.cli("job", "open", "--anchor", "nowhere").err)

    @attacks.shows("M-12 M-29", "the job's own paths, no label is written")
    def test_paths_of_a_host_directory_and_of_a_volume(self):
        cases = (("/builds/sub", "", "/here", "sub"), ("/builds", "", "/sub/here", "sub"), ("/builds/sub/../sub//.", "", "/here", "sub"), ("/builds/file", "", "", "a file"),
                 ("/etc/job.conf", "", "", "a file"), ("/cache/deep", "", "/here", "cached"), ("/cache", "", "/deep/here", "cached"), ("/cache/deep/here", ":ro", "", "cached"),
                 ("/builds/sub", ":z,rw", "/here", "sub"))
        binds = [word for number, (source, options, *_) in enumerate(cases) for word in ("-v", f"{source}:/x{number}{options}")]
        script = "; ".join(f"cat /x{number}{path}; echo" for number, (_, _, path, _) in enumerate(cases))
        seen = [line for line in self.job.do("run", "--rm", *ALONE, *binds, self.job.image, "sh", "-c", script).splitlines() if line]
        self.assertEqual(list(zip(cases, seen)), [(case, case[-1]) for case in cases])
        out = self.job.ok("run", "--rm", "--mount", "type=bind,source=/builds/sub,target=/x", self.job.image, "cat", "/x/here")
        self.assertEqual(out, "sub")

    def test_what_the_container_writes_is_in_the_workspace(self):
        self.job.do("run", "--rm", *ALONE, "-v", "/builds/sub:/x", "-v", "/cache:/y", self.job.image, "sh", "-c", "echo made > /x/made; echo made > /y/made")
        self.assertEqual((self.host / "sub/made").read_text(), "made\n")
        self.assertEqual(self.engine.do("exec", "anchor", "cat", "/cache/made"), "made")

    def test_the_longest_mount_wins_and_nested_ones_come_along(self):
        self.assertEqual(self.cat("/builds/nested:/x", "/x/here"), "other")
        self.assertEqual(self.cat("/builds:/x", "/x/nested/here"), "other")

    @attacks.shows("M-11", "read-only stays read-only")
    def test_read_only_is_inherited(self):
        binds = ("/ro:/x", "/ro:/y:rw", "/builds/sub:/z:ro")
        result = self.job.docker("run", "--rm", *(word for bind in binds for word in ("-v", bind)), self.job.image, "touch", "/x/new", "/y/new", "/z/new")
        self.assertNotEqual(result.code, 0)
        self.assertEqual(result.err.count("Read-only"), len(binds), result.err)
        self.refused(self.job.docker("run", "--rm", "-v", "/ro/missing:/x", self.job.image, "true"), "/ro/missing")
        self.assertFalse((self.host / "ro/missing").exists())

    @attacks.shows("M-09", "made inside the workspace alone, with its owner")
    def test_missing_directories_are_made_with_the_workspaces_owner(self):
        self.job.do("run", "--rm", *ALONE, "-v", "/builds/new/deep:/x", "-v", "/cache/new:/y", self.job.image, "touch", "/x/there", "/y/there")
        for name in ("new", "new/deep"):
            status = (self.host / name).stat()
            self.assertEqual((status.st_uid, status.st_gid), (1234, 1234))
        self.assertEqual(self.engine.do("exec", "anchor", "stat", "-c", "%u", "/cache/new"), "77")
        result = self.job.docker("run", "--rm", "--mount", "type=bind,source=/builds/absent,target=/x", self.job.image, "true")
        self.refused(result, "bind source path does not exist: /builds/absent", code=125)
        self.assertFalse((self.host / "absent").exists())

    @attacks.shows("M-01 M-02 M-06 M-07 M-08", "refused by name, with what would work")
    def test_what_is_nowhere_in_the_anchor_names_what_would_work(self):
        for source in ("/", "/etc", "/proc", "/proc/1/root", "/builds/../etc", "/builds2", str(self.host), "/scratch", "/engine", "/engine/volumes",
                       "/var/lib/docker", "/run/berth", "/root/x", "/builds/sub\\x", "/var/run"):
            with self.subTest(source):
                self.refused_bind(source, 'is refused by rule "binds"', "/builds, /builds/nested, /cache")
                self.refused_bind(source, 'is refused by rule "binds"', mount={})
        for flags in (("-v", "/etc:/x"), ("--mount", "type=bind,source=/etc,target=/x")):
            self.refused(self.job.docker("run", "--rm", *flags, self.job.image, "true"), 'is refused by rule "binds"', "/builds, /builds/nested, /cache", code=125)
        self.refused(self.job.docker("run", "--rm", "-v", "/builds/sub:/x:rshared", self.job.image, "true"), "propagation")

    @attacks.shows("M-03", "links that lead out are refused, the host is not touched")
    def test_links_are_followed_inside_and_nowhere_else(self):
        links = {"inside": "sub", "deep/up": "../sub", "out": "../../..", "root": "/", "etc": "/etc", "magic": "/proc/self/root",
                 "absolute": str(self.host / "sub")}
        (self.host / "deep").mkdir(exist_ok=True)
        for name, target in links.items():
            if not (self.host / name).is_symlink():
                (self.host / name).symlink_to(target)
        self.assertEqual(self.cat("/builds/inside:/x", "/x/here"), "sub")
        self.assertEqual(self.cat("/builds/deep/up:/x", "/x/here"), "sub")
        for name in ("out", "root", "etc", "magic", "root/etc", "out/etc", "absolute", "etc/made-by-berth"):
            with self.subTest(name):
                self.refused_bind(f"/builds/{name}", f"/builds/{name}")
        self.assertFalse(os.path.exists("/etc/made-by-berth"))

    @attacks.shows("M-04", "the engine does not follow it")
    def test_a_later_link_shows_nothing_of_the_host(self):
        (self.host / "late").mkdir()
        identity = self.job.do("create", *ALONE, "-v", "/builds/late:/x", self.job.image, "ls", "/x")
        (self.host / "late").rmdir()
        (self.host / "late").symlink_to("/")
        result = self.job.docker("start", "-a", identity)
        self.assertNotIn("etc", result.out)
        self.assertNotIn(str(self.engine.folder), result.err)
        self.assert_private(result.err)
        self.job.do("rm", identity)
        (self.host / "late").unlink()

    def test_inspect_and_lists_show_the_jobs_own_paths(self):
        identity = self.job.ok("create", "--name", "shown", "-v", "/builds/sub:/x:ro", "-v", "data:/data", "--mount", "type=bind,source=/cache/deep,target=/y",
                               "-v", "/builds:/all", self.job.image)
        facts = json.loads(self.job.ok("inspect", identity))[0]
        self.assertEqual(set(facts["HostConfig"]["Binds"]), {"/builds/sub:/x:ro", "data:/data", "/builds:/all"})
        self.assertEqual([(each["Type"], each["Source"], each["Target"]) for each in facts["HostConfig"]["Mounts"]], [("bind", "/cache/deep", "/y")])
        points = {each["Destination"]: each for each in facts["Mounts"]}
        self.assertEqual(set(points), {"/x", "/y", "/data", "/all"})
        self.assertEqual((points["/x"]["Type"], points["/x"]["Source"], points["/x"]["RW"]), ("bind", "/builds/sub", False))
        self.assertEqual((points["/y"]["Type"], points["/y"]["Source"]), ("bind", "/cache/deep"))
        self.assertEqual(points["/data"]["Name"], "data")
        listed = next(each for each in self.job.api.get("/containers/json?all=1") if each["Id"] == identity)
        self.assertEqual({each["Source"] for each in listed["Mounts"] if each["Type"] == "bind"}, {"/builds/sub", "/cache/deep", "/builds"})
        read = self.job.ok("inspect", identity) + json.dumps(listed) + self.job.ok("volume", "ls") + json.dumps(self.job.api.get("/system/df"))
        for trace in (str(self.engine.folder), "_root", "pins", "berth"):
            self.assertNotIn(trace, read)
        self.assertEqual(self.job.ok("volume", "ls", "-q"), "data")
        self.job.do("rm", identity)
        self.job.do("volume", "rm", "data")

    def test_the_job_has_no_hold_of_the_volume_behind_its_paths(self):
        self.job.do("run", "--rm", *ALONE, "-v", "/builds/sub:/x", self.job.image, "true")
        for each in self.engine.snapshot()["volumes"]:
            name = each.rsplit(".", 1)[-1]
            if not name.startswith("_root"):
                continue
            for words in (("volume", "rm", name), ("volume", "inspect", name), ("run", "--rm", "-v", f"{name}:/x", self.job.image, "true"),
                          ("volume", "create", name), ("volume", "rm", each)):
                self.assertNotEqual(self.job.docker(*words).code, 0, words)
        self.job.ok("volume", "prune", "-f")
        since = f"{time.time():.6f}"  # of other tests, compose's labels name the folder
        self.job.do("run", "--rm", *ALONE, "-v", "/builds/sub:/x", self.job.image, "true")
        events = self.job.ok("events", "--since", since, "--until", str(int(time.time()) + 1))
        self.assertNotIn("_root", events)
        self.assertNotIn(str(self.engine.folder), events)

    @attacks.shows("N-11 M-21", "the mounts that the job may have")
    def test_volumes_from_the_anchor(self):
        for reference in ("anchor", self.anchor, self.anchor[:12]):
            with self.subTest(reference):
                out = self.job.do("run", "--rm", *ALONE, "--volumes-from", reference, self.job.image, "cat", "/builds/sub/here", "/cache/deep/here", "/builds/nested/here")
                self.assertEqual(out.split(), ["subcached", "other"])
        result = self.job.docker("run", "--rm", "--volumes-from", "anchor:ro", self.job.image, "touch", "/builds/sub/new")
        self.assertIn("Read-only", result.err)
        for reference in (self.anchor[:6], "anch", ""):
            status, content = self.job.api.call("POST", "/containers/create", {"Image": self.job.image, "HostConfig": {"VolumesFrom": [reference]}})
            self.assertEqual(status, 404, content)

    def test_a_restart_shows_the_same(self):
        self.job.do("run", "-d", *ALONE, "--name", "again", "-v", "/builds/sub:/x", "-v", "/cache/deep:/y", self.job.image, "sh", "-c", "cat /x/here /y/here")
        self.job.ok("wait", "again")
        self.job.ok("restart", "-t", "0", "again")
        self.job.ok("wait", "again")
        self.assertEqual(self.job.ok("logs", "again"), "subcached\nsubcached")
        self.job.do("rm", "again")

    @attacks.shows("M-04", "a race of links shows nothing of the host")
    def test_a_flipper_never_sees_the_host(self):
        """A directory that is a link to / every other moment, through many creates and restarts."""
        secret = self.engine.folder / "secret"
        secret.write_text("of the host")
        libc = ctypes.CDLL(None)
        flip = self.host / "flip"
        flip.mkdir()
        (self.host / "link").symlink_to("/")
        done = threading.Event()
        swaps = [0]

        def swap():
            exchange = 2  # RENAME_EXCHANGE: there is no moment at which nothing is there
            while not done.is_set():
                # As fast as can be for a while, then with rests in which a start may get through and is swapped under later.
                for rest in [0] * 1000 + [0.0005, 0.002, 0.008, 0.03] * 25:
                    if libc.renameat2(-100, bytes(flip), -100, bytes(self.host / "link"), exchange) == 0:
                        swaps[0] += 1
                    if rest:
                        time.sleep(rest)

        thread = threading.Thread(target=swap)
        thread.start()
        try:
            seen, begun = [], time.monotonic()
            command = f"test -e /x{secret} -o -e /x/etc/passwd -o -e /x/proc/1 && echo LEAK; echo ran"
            while time.monotonic() < begun + FLIP_SECONDS:
                # Most of it fails, as is the flipper's right.
                status, made = self.job.api.call("POST", "/containers/create", {"Image": self.job.image, "Cmd": ["sh", "-c", command], "HostConfig": {"NetworkMode": "none", "Binds": ["/builds/flip:/x"]}})
                if status != 201:
                    seen.append("")
                    continue
                path = f"/containers/{made['Id']}"
                for _ in range(3):
                    if self.job.api.call("POST", f"{path}/start")[0] == 204:
                        self.job.api.call("POST", f"{path}/wait")
                    seen.append("")
                seen.append(self.job.api.call("GET", f"{path}/logs?stdout=1", raw=True)[1].decode(errors="replace"))
                self.job.api.call("DELETE", f"{path}?force=1")
        finally:
            done.set()
            thread.join()
        self.assertNotIn("LEAK", "".join(seen))
        ran = "".join(seen).count("ran")
        self.assertGreater(ran, 0)
        self.assertGreater(swaps[0], 10 * len(seen), "the flipper did not flip")
        print(f"       {self.kind:12} the flipper in {time.monotonic() - begun:.0f} s: {swaps[0]} swaps, {len(seen)} starts, {ran} ran", flush=True)
        for each in (flip, self.host / "link"):
            each.unlink() if each.is_symlink() else each.rmdir()

    def test_compose_with_relative_paths(self):
        (self.host / "project").mkdir()
        # Compose runs on the host here and makes absolute paths of its own directory: the project's is told.
        text = (f"services:\n  one:\n    image: {self.job.image}\n    command: cat /x/here\n    volumes:\n      - ./sub:/x:ro\n      - ./made:/made\n")
        compose = self.host / "project/compose.yaml"
        compose.write_text(text)
        if self.job.docker("compose", "version").code != 0:
            self.skipTest("no compose of version 2")
        out = self.job.ok("compose", "-f", str(compose), "--project-directory", "/builds", "run", "--rm", "one")
        self.assertEqual(out, "sub")
        self.assertTrue((self.host / "made").is_dir())
        self.job.ok("compose", "-f", str(compose), "--project-directory", "/builds", "down")
