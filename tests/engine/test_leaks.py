"""Everything that a job can read, searched for what is not its own: no real name, no host path, no other job's id, no label of berth's."""

import base64
import json
import re
import time
from urllib.parse import quote

from harness import ROOT, EngineCase
from tools import UnixConnection, tar_of


class Leaks(EngineCase):
    jobs_wanted = ("other",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.workspace = cls.engine.folder / "workspace-of-the-host"
        (cls.workspace / "src").mkdir(parents=True, exist_ok=True)
        cls.job = cls.open_job("--workspace", str(cls.workspace), "--label", "ci=secret-label")
        cls.seen = []
        cls.read("POST", "/build?t=built:1&labels=" + quote('{"a":"b"}'), tar_of({"Dockerfile": f"FROM {cls.job.image}\nRUN echo made >/made\nCMD sleep 600\n"}))
        for job in (cls.job, cls.other):
            job.ok("network", "create", f"net-{job.id}")
            job.ok("volume", "create", f"vol-{job.id}")
            job.ok("tag", job.image, f"tagged-{job.id}:1")
            job.ok("run", "-d", "--name", f"up-{job.id}", "--network", f"net-{job.id}", "-v", f"vol-{job.id}:/v", "-v", "/anonymous", "-p", "8080:80",
                   "--health-cmd", "true", "--health-interval", "1s", job.image, "sh", "-c", "while :; do echo line; sleep 1; done")
            job.ok("run", "--name", f"exited-{job.id}", job.image, "sh", "-c", "echo done; echo x >/made")
            job.ok("commit", f"exited-{job.id}")
        cls.job.ok("run", "-d", "--name", "bound", "-v", f"{cls.workspace}/src:/src", cls.job.image, "sleep", "600")
        cls.exec_id = cls.job.api.call("POST", f"/containers/up-{cls.job.id}/exec", {"Cmd": ["cat", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"], "AttachStdout": True})[1]["Id"]

    @classmethod
    def read(cls, method, path, body=None, headers=(), limit=None):
        """One exchange; what came is kept for the search."""
        connection = UnixConnection(cls.job.door, 10)
        try:
            given = {"Content-Type": "application/json" if isinstance(body, dict) else "application/x-tar", **dict(headers)} if body is not None else dict(headers)
            connection.request(method, f"/v1.41{path}", json.dumps(body) if isinstance(body, dict) else body, given)
            answer = connection.getresponse()
            content = answer.read(limit) if limit else answer.read()
            cls.seen.append((f"{method} {path}", answer.status, str(answer.headers).encode() + content))
            stat = answer.headers.get("X-Docker-Container-Path-Stat")
            if stat:
                cls.seen.append((f"{method} {path}: stat", answer.status, base64.b64decode(stat)))
            return answer.status, content
        finally:
            connection.close()

    def forbidden(self):
        """What no byte may contain, as pattern → what it would be."""
        other = self.other
        engine = self.engine.docker
        ids = engine.ok("ps", "-aq", "--no-trunc", "--filter", f"label=berth.key={other.key}").split()
        ids += engine.ok("network", "ls", "-q", "--no-trunc", "--filter", f"label=berth.key={other.key}").split()
        own = json.loads(other.ok("inspect", "-f", "{{json .Id}}", f"tagged-{other.id}:1")).removeprefix("sha256:")
        bridges = [name for name in re.findall(r"^\d+: ([^:@]+)", self.engine.inside("ip", "-o", "link").out, re.M) if name.startswith(("be", "br-"))]
        found = {self.job.key: "the job's key", other.key: "the other job's key", "berth.job": "a label", "berth.key": "a label", "berth.profile": "a label",
                 "berth.image": "a label", "berth.mounts": "a label", "secret-label": "a label of the operator's", other.id: "the other job",
                 str(self.berth.folder): "a directory of berth's", str(self.engine.folder / "data"): "the engine's data root"}
        for name in bridges:
            found[name] = "a bridge device"
        for each in ids + [own]:
            found[each[:12]] = "an id of the other job's"
        return found

    def rows(self):
        """GET and HEAD rows of the table that are open."""
        table = (ROOT / "rules/endpoints.cpp").read_text()
        return re.findall(r'^ {4}\{\w+, "([\w.]+)", (?:get|head), "([^"]+)"', table, re.M)

    def test_nothing_that_is_not_the_jobs_is_ever_read(self):
        job, up = self.job, f"up-{self.job.id}"
        inspect = json.loads(job.ok("inspect", up))[0]
        containers = [up, inspect["Id"], inspect["Id"][:12], f"exited-{job.id}", "bound"]
        images = [job.image, "built:1", f"tagged-{job.id}:1", job.ok("inspect", "-f", "{{.Id}}", "built:1")]
        networks = [f"net-{job.id}", "bridge", "host", "none"]
        volumes = [f"vol-{job.id}"] + job.ok("volume", "ls", "-q").split()
        queries = {"system.events": [f"?since={int(time.time()) - 300}&until={int(time.time())}"], "container.list": ["?all=1&size=1", '?all=1&filters={"status":["exited"]}'],
                   "container.logs": ["?stdout=1&stderr=1&timestamps=1&details=1"], "container.stats": ["?stream=0"], "container.top": ["", "?ps_args=aux"],
                   "container.archive_get": ["?path=/etc", "?path=/made", "?path=/src", "?path=/nowhere"], "container.archive_head": ["?path=/etc", "?path=/v", "?path=/src"],
                   "image.list": ["?all=1&digests=1", '?filters={"dangling":["true"]}'], "image.get_many": [f"?names={job.image}&names=built:1"],
                   "network.list": ["", '?filters={"type":["custom"]}'], "network.inspect": ["", "?verbose=1"], "system.df": ["", "?type=container"],
                   "container.inspect": ["", "?size=1"]}
        subjects = {"/containers/": containers + ["absent"], "/images/": images + ["absent"], "/networks/": networks + ["absent"], "/volumes/": volumes + ["absent"], "/exec/": [self.exec_id, "0" * 64]}
        rows = self.rows()
        self.assertGreater(len(rows), 24)
        for name, target in rows:
            references = next((of for prefix, of in subjects.items() if target.startswith(prefix)), [""]) if "{id}" in target else [""]
            for reference in references:
                for query in queries.get(name, [""]):
                    status, content = self.read("HEAD" if name in ("container.archive_head", "system.ping_head") else "GET", target.replace("{id}", quote(reference, safe=":@")) + quote(query, safe="?=&"))
                    self.assertNotEqual(status, 500, f"{name} {reference}: {content[:300]}")
                    self.assertNotEqual(status, 503, f"{name} {reference}: {content[:300]}")

        self.read("POST", f"/containers/{up}/attach?stdout=1&logs=1", headers={"Connection": "close"}, limit=200)
        self.read("POST", f"/exec/{self.exec_id}/start", {"Detach": False, "Tty": False})
        self.read("GET", f"/exec/{self.exec_id}/json")
        # Errors of every kind.
        for method, path, body in (("POST", f"/containers/create?name={up}", {"Image": job.image}), ("POST", "/containers/create", {"Image": "absent"}),
                                   ("POST", "/containers/create", {"Image": job.image, "HostConfig": {"Privileged": True}}),
                                   ("POST", "/containers/create", {"Image": job.image, "HostConfig": {"Binds": ["/nowhere:/x"]}}),
                                   ("DELETE", f"/networks/net-{job.id}", None), ("DELETE", f"/volumes/vol-{job.id}", None), ("DELETE", f"/images/{quote(job.image)}", None),
                                   ("DELETE", f"/containers/{up}", None), ("POST", f"/containers/{up}/rename?name=bound", None), ("POST", f"/networks/net-{job.id}/connect", {"Container": up}),
                                   ("POST", "/networks/create", {"Name": f"net-{job.id}", "CheckDuplicate": True}), ("POST", f"/containers/{up}/exec", {"Cmd": []}),
                                   ("POST", f"/containers/exited-{job.id}/kill", None), ("POST", "/images/create?fromImage=localhost:1/none&tag=1", None),
                                   ("POST", "/build?t=x", tar_of({"Dockerfile": f"FROM {job.image}\nRUN ls /nowhere; exit 1\n"})),
                                   ("POST", "/containers/create", {"Image": job.image, "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}})):
            status, content = self.read(method, path, body)
            if path == "/containers/create" and status == 201:
                self.read("POST", f"/containers/{json.loads(content)['Id']}/start")  # the port is taken
        self.read("POST", "/containers/prune")
        self.read("POST", "/images/prune")
        self.read("GET", f"/events?since={int(time.time()) - 300}&until={int(time.time())}")

        self.assertGreater(len(self.seen), 120)
        leaks = [f"{what} in {asked} ({status}): ...{content[max(0, at - 60):at + 60]!r}"
                 for pattern, what in self.forbidden().items() for asked, status, content in self.seen if (at := content.find(pattern.encode())) >= 0]
        self.assertEqual(leaks, [], "\n".join(leaks[:20]))
