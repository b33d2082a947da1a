"""Options of a container that the engine could take otherwise than berth judged them, that an older one does not know, or that leave something behind."""

import json
import os
from pathlib import Path

import attacks
from harness import EngineCase
from tools import run, tar_of

ENGINES = ("distribution", "newest")


def mount(**fields):
    return {"HostConfig": {"Mounts": [{"Type": "volume", "Source": "data", "Target": "/x", **fields}]}}


# What engines of an older API pass over in silence: the version from which they do not, a request, and the name in the refusal.
YOUNG = [
    ("1.45", "POST", "/containers/create", mount(VolumeOptions={"Subpath": "a"}), "Subpath"),
    ("1.46", "POST", "/containers/create", {"HostConfig": {"Mounts": [{"Type": "tmpfs", "Target": "/x", "TmpfsOptions": {"Options": [["exec"]]}}]}}, "TmpfsOptions.Options"),
    ("1.44", "POST", "/containers/create", {"Healthcheck": {"Test": ["CMD", "true"], "StartInterval": 2000000000}}, "StartInterval"),
    ("1.48", "POST", "/containers/create", {"NetworkingConfig": {"EndpointsConfig": {"bridge": {"GwPriority": 5}}}}, "GwPriority"),
    ("1.48", "POST", "/networks/create", {"Name": "six", "EnableIPv4": False, "EnableIPv6": True}, "EnableIPv4"),
    ("1.42", "POST", "/containers/box/exec", {"Cmd": ["true"], "Tty": True, "ConsoleSize": [24, 80]}, "ConsoleSize"),
    ("1.42", "POST", "/containers/box/stop?signal=SIGKILL&t=1", None, "signal"),
    ("1.48", "GET", "/images/own-busybox/history?platform=%7B%22os%22%3A%22linux%22%2C%22architecture%22%3A%22amd64%22%7D", None, "platform"),
]


class Options(EngineCase):
    def create(self, job, **body):
        """A container that ends when it has shown its hosts; its id."""
        status, answer = job.api.call("POST", "/containers/create", {"Image": job.image, "Cmd": ["cat", "/etc/hosts"], **body})
        self.assertEqual(status, 201, answer)
        return answer["Id"]

    def host_gateway(self):
        """What the engine has for `host-gateway` by itself."""
        hosts = self.engine.docker.ok("run", "--rm", "--add-host", "the-host:host-gateway", "busybox", "cat", "/etc/hosts")
        return next(line.split()[0] for line in hosts.splitlines() if line.endswith("the-host"))

    @attacks.shows("V-60 V-62", "the address of the job's own network")
    def test_host_gateway_is_the_jobs_own_however_the_entry_is_cut(self):
        host = self.host_gateway()
        for entry, network in (("a=b:host-gateway", "default"), ("a=b:host-gateway", "none"), ("=:host-gateway", "default"), ("plain:host-gateway", "none")):
            with self.subTest(entry, network=network):
                box = self.create(self.job, HostConfig={"ExtraHosts": [entry], "NetworkMode": network})
                hosts = self.job.ok("start", "-a", box)
                self.assertIn(f"{self.job.address()}\t{entry.split(':')[0]}", hosts)
                self.assertNotIn(host, hosts)
                shown = json.loads(self.job.ok("inspect", box))[0]["HostConfig"]["ExtraHosts"]
                self.assertEqual(shown, [entry])
                self.job.do("rm", box)
        for entry in ("host-gateway", "a=host-gateway", ":host-gateway", "a: host-gateway", "a:host-gateway ", "a:1.2.3", "a\nb:1.2.3.4"):
            with self.subTest(entry):
                status, answer = self.job.api.call("POST", "/containers/create", {"Image": self.job.image, "HostConfig": {"ExtraHosts": [entry]}})
                self.assertEqual(status, 400, answer)
                self.assertIn("add-host", answer["message"])

    @attacks.shows("V-61", "the address of the job's own network")
    def test_host_gateway_of_a_build(self):
        host = self.host_gateway()
        for entry in ("h:host-gateway", "a=b:host-gateway"):
            with self.subTest(entry):
                lines = self.job.build("hosts", {"Dockerfile": f"FROM {self.job.image}\nRUN cat /etc/hosts\n"}, extrahosts=entry, nocache="1")
                shown = "".join(line.get("stream", "") for line in lines)
                self.assertIn(f"{self.job.address()}\t{entry.split(':')[0]}", shown)
                self.assertNotIn(host, shown)
        status, answer = self.job.api.call("POST", "/build?extrahosts=a%3Dhost-gateway", tar_of({"Dockerfile": "FROM scratch\n"}), raw=True)
        self.assertIn(b"add-host", answer, status)

    @attacks.shows("V-57 V-64", "refused under every profile")
    def test_no_profile_grants_what_makes_files_that_cannot_be_removed_or_passes_limits(self):
        for profile in ("default", "dind", "trusted"):
            with self.subTest(profile):
                job = self.open_job("--profile", profile)
                for name in ("LINUX_IMMUTABLE", "cap_linux_immutable", "SYS_RESOURCE"):
                    self.refused(job.docker("run", "--rm", "--cap-add", name, job.image, "true"), "CapAdd", "no profile grants it")
                self.assertEqual(job.close().code, 0)

    @attacks.shows("V-65", "the flags are taken away, and all is gone")
    def test_files_with_flags_do_not_outlive_the_job(self):
        before = self.engine.snapshot()
        job = self.open_job()
        deep = "/v/" + "/".join("d" * 40 for _ in range(80))
        box = job.ok("run", "-d", "-v", "data:/v", job.image, "sh", "-c",
                     f"mkdir -p {deep}; echo x > /v/file; echo y > {deep}/file; chown 1000:1000 {deep}/file; ln -s /v/file /v/link; mkfifo /v/fifo; echo z > /layer; echo ready; sleep 1000")
        facts = self.engine.api.get(f"/containers/{box}/json")
        volume = Path(facts["Mounts"][0]["Source"])
        self.engine.do("exec", box, "sh", "-c", "until [ -e /layer ]; do sleep 0.1; done")
        upper = (facts["GraphDriver"] or {}).get("Data") or {}
        places = [volume / "file", volume / deep.removeprefix("/v/") / "file", volume, Path(facts["HostsPath"])]
        if "UpperDir" in upper:
            places.append(Path(upper["UpperDir"]) / "layer")
        try:
            for place, flag in zip(places, "+i +a +i +i +i".split()):
                made = run(["chattr", flag, place])
                self.assertEqual(made.code, 0, made.err)
            result = job.close()
            self.assertEqual(result.code, 0, result)
            self.assertFalse(volume.exists())
            self.assertEqual(self.difference(before), "")
        finally:
            for place in reversed(places):
                if place.exists():
                    run(["chattr", "-i", "-a", place])
            if volume.exists():
                run(["chattr", "-R", "-i", "-a", volume])

    @attacks.shows("V-66", "400 by name where the engine is too old, honoured where it is not")
    def test_what_an_older_engine_does_not_know_is_refused_by_name(self):
        job = self.open_job()
        version = self.engine.api.get("/version")["ApiVersion"]
        job.api.version = f"v{version}"
        job.do("run", "-d", "--name", "box", "-v", "data:/v", job.image, "sh", "-c", "mkdir -p /v/a; echo inside > /v/a/file; echo whole > /v/file; sleep 1000")
        job.do("exec", "box", "sh", "-c", "until [ -e /v/file ]; do sleep 0.1; done")
        for since, method, path, body, name in YOUNG:
            with self.subTest(name):
                status, answer = job.api.call(method, path, body and {"Image": job.image, "Cmd": ["ls", "/x"], **body} if path.endswith("create") and "Name" not in (body or {}) else body)
                if tuple(map(int, version.split("."))) < tuple(map(int, since.split("."))):
                    self.assertEqual(status, 400, answer)
                    self.assertIn(name, answer["message"])
                    self.assertIn(f"needs an engine of API {since}; this one has {version}", answer["message"])
                else:
                    self.assertNotIn("needs an engine", json.dumps(answer))
                if name == "Subpath" and status == 201:
                    self.assertEqual(job.ok("start", "-a", answer["Id"]), "file")
        job.ok("create", "-t", "--health-cmd", "true", "--mount", "type=volume,source=data,target=/x", job.image)
        self.assertEqual(job.close().code, 0)

    @attacks.shows("V-67", "400: reserved")
    def test_no_name_of_a_job_looks_like_a_real_one(self):
        name = f"berth.{self.job.key}.x"
        for method, path, body in (
                ("POST", "/volumes/create", {"Name": name}), ("POST", "/networks/create", {"Name": name}), ("POST", "/networks/create", {"Name": "a " + name}),
                ("POST", f"/containers/create?name={name}", {"Image": self.job.image}), ("POST", f"/images/{self.job.image}/tag?repo={name}&tag=1", None),
                ("POST", f"/images/{self.job.image}/tag?repo=app&tag={name}", None), ("POST", "/containers/create", {"Image": self.job.image, "Hostname": name}),
                ("POST", "/containers/create", {"Image": self.job.image, "HostConfig": {"Binds": [f"{name}:/x"]}}),
                ("POST", "/containers/create", {"Image": self.job.image, "HostConfig": {"ExtraHosts": [f"{name}:1.2.3.4"]}}),
                ("POST", "/containers/create", {"Image": self.job.image, "NetworkingConfig": {"EndpointsConfig": {"bridge": {"Aliases": [name]}}}})):
            with self.subTest(path, body=body):
                status, answer = self.job.api.call(method, path, body)
                self.assertEqual(status, 400, answer)
                self.assertIn("reserved", answer["message"])
        self.job.do("volume", "create", "berth.key.x")  # nobody's
        self.assertEqual(self.job.ok("volume", "inspect", "-f", "{{.Name}}", "berth.key.x"), "berth.key.x")
        self.job.do("volume", "rm", "berth.key.x")

    @attacks.shows("V-68", "private: nothing that is mounted there later is seen, on either side")
    def test_what_the_host_mounts_later_is_not_seen_in_a_bound_path(self):
        workspace = self.engine.folder / "options-work"
        for name in ("sub/later", "later"):
            (workspace / name).mkdir(parents=True, exist_ok=True)
        job = self.open_job("--workspace", str(workspace))
        job.do("run", "-d", "--name", "box", "-v", f"{workspace}/sub:/sub", "-v", f"{workspace}:/all", job.image, "sleep", "1000")
        made = []
        try:
            for place in (workspace / "sub/later", workspace / "later"):
                self.assertEqual(run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place]).code, 0)
                made.append(place)
                (place / "secret").write_text("the host's")
            for path in ("/sub/later", "/all/later", "/all/sub/later"):
                self.assertEqual(job.do("exec", "box", "ls", path), "", path)
            info = [line.split(" - ")[0] for line in job.do("exec", "box", "cat", "/proc/self/mountinfo").splitlines()]
            self.assertNotIn("shared:", " ".join(line for line in info if line.split()[4] in ("/sub", "/all")))
        finally:
            for place in made:
                run(["umount", "-l", place])
        self.assertEqual(job.close().code, 0)
        self.assertEqual(os.listdir(workspace / "later"), [])
