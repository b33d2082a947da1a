"""A job has no way to what is another job's or the host's."""

import json

import attacks
from harness import EngineCase
from tools import tar_of

ENGINES = ("distribution", "newest")


class Foreign(EngineCase):
    """`mine` asks for objects of `theirs` and of the host, by every reference that the engine would take."""

    jobs_wanted = ("mine", "theirs")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mine.do("run", "-d", "--name", "own", cls.mine.image, "sleep", "1000")
        cls.mine.do("network", "create", "own-net")
        cls.theirs.do("tag", cls.theirs.image, "theirs-alone")
        cls.references = []
        for owner, docker, image in (("theirs", cls.theirs.docker, cls.theirs.image), ("host", cls.engine.docker, "busybox")):
            container = docker.ok("run", "-d", "--name", f"{owner}-box", "-v", f"{owner}-vol:/v", image, "sleep", "1000")
            exec_id = cls.engine.api.call("POST", f"/containers/{container}/exec", {"Cmd": ["true"]})[1]["Id"]
            network = docker.ok("network", "create", f"{owner}-net")
            real = {"theirs": f"berth.{cls.theirs.key}.", "host": ""}[owner]
            cls.references.append({
                "containers": [f"{owner}-box", container, container[:12], f"/{owner}-box", f"{real}{owner}-box"],
                "networks": [f"{owner}-net", network, network[:12], f"{real}{owner}-net"],
                "volumes": [f"{owner}-vol", f"{real}{owner}-vol"],
                "exec": exec_id,
            })

    @classmethod
    def tearDownClass(cls):
        cls.engine.docker("rm", "-f", "host-box")
        cls.engine.docker("network", "rm", "host-net")
        cls.engine.docker("volume", "rm", "host-vol")
        super().tearDownClass()

    def absent(self, *args):
        """`docker ARGS` says that there is no such thing, in words that hold no name but those of the arguments."""
        result = self.mine.docker(*args)
        text = result.out + result.err
        self.assertNotEqual(result.code, 0, text)
        self.assertRegex(text.lower(), "no such|not found|could not find")
        for word in sorted(args, key=len, reverse=True):
            text = text.replace(word, "")
        self.assert_private(text)

    def absent_path(self, method, path, body=None):
        status, content = self.mine.api.call(method, path, body)
        self.assertEqual(status, 404, f"{method} {path}: {content}")

    def states(self):
        """The foreign containers as the engine sees them."""
        return [self.engine.docker.ok("inspect", "-f", "{{json .State}}", owner["containers"][1]) for owner in self.references]

    @attacks.shows("L-15 K-07 M-21", "404, as if it were not there")
    def test_containers_are_absent_to_every_command(self):
        before = self.states()
        name = self.references[0]["containers"][0]
        for command in (
            ("inspect", "--type", "container", name), ("stop", name), ("start", name), ("restart", name), ("kill", name), ("pause", name),
            ("rm", name), ("exec", name, "true"), ("logs", name), ("attach", name), ("top", name), ("diff", name), ("port", name),
            ("wait", name), ("rename", name, "taken"), ("update", "--memory", "64m", name), ("cp", f"{name}:/etc/passwd", "-"),
            ("export", name), ("stats", "--no-stream", name), ("network", "connect", "own-net", name),
        ):
            with self.subTest(" ".join(command)):
                self.absent(*command)
        self.assertEqual(self.states(), before)

    @attacks.shows("N-10 X-07", "404 by every reference")
    def test_containers_are_absent_by_every_reference(self):
        before = self.states()
        for owner in self.references:
            for reference in owner["containers"]:
                path = f"/containers/{reference.lstrip('/')}"
                with self.subTest(path):
                    for what in ("json", "top", "logs?stdout=1", "changes", "export", "stats?stream=0", "archive?path=/etc/passwd"):
                        self.absent_path("GET", f"{path}/{what}")
                    for what in ("start", "stop", "restart", "kill", "pause", "unpause", "wait", "attach?stdout=1&logs=1", "rename?name=taken",
                                 "resize?h=1&w=1"):
                        self.absent_path("POST", f"{path}/{what}")
                    self.absent_path("POST", f"{path}/exec", {"Cmd": ["true"]})
                    self.absent_path("POST", f"{path}/update", {"Memory": 1 << 26})
                    self.absent_path("PUT", f"{path}/archive?path=/", tar_of({"x": "x"}))
                    self.absent_path("DELETE", f"{path}?force=1&v=1")
                    self.absent_path("POST", "/networks/own-net/connect", {"Container": reference})
        self.assertEqual(self.states(), before)

    @attacks.shows("N-02 N-03 N-04 N-08 W-01", "404")
    def test_they_cannot_be_part_of_an_own_container(self):
        for owner in self.references:
            for reference in owner["containers"]:
                name = reference.lstrip("/")
                for host in ({"NetworkMode": f"container:{name}"}, {"PidMode": f"container:{name}"}, {"IpcMode": f"container:{name}"},
                             {"VolumesFrom": [name]}, {"Links": [f"{name}:x"]}):
                    with self.subTest(str(host)):
                        status, content = self.mine.api.call("POST", "/containers/create", {"Image": self.mine.image, "HostConfig": host})
                        self.assertIn(status, (400, 403, 404), content)
        self.assertEqual(self.mine.ok("ps", "-a", "--format", "{{.Names}}"), "own")

    def test_networks_are_absent(self):
        for owner in self.references:
            self.absent("network", "inspect", owner["networks"][0])
            for reference in owner["networks"]:
                with self.subTest(reference):
                    self.absent_path("GET", f"/networks/{reference}")
                    self.absent_path("DELETE", f"/networks/{reference}")
                    self.absent_path("POST", f"/networks/{reference}/connect", {"Container": "own"})
                    self.absent_path("POST", f"/networks/{reference}/disconnect", {"Container": "own", "Force": True})
                    result = self.mine.docker("run", "--rm", "--network", reference, self.mine.image, "true")
                    self.assertEqual(result.code, 125, result.err)

    def test_volumes_are_absent(self):
        for owner in self.references:
            for reference in owner["volumes"]:
                with self.subTest(reference):
                    self.absent("volume", "inspect", reference)
                    self.absent_path("DELETE", f"/volumes/{reference}")

    def test_a_volume_of_the_same_name_is_the_jobs_own(self):
        for name in ("theirs-vol", "host-vol"):
            with self.subTest(name):
                self.theirs.do("run", "--rm", "-v", "theirs-vol:/v", self.theirs.image, "touch", "/v/secret")
                self.assertEqual(self.mine.do("run", "--rm", "-v", f"{name}:/v", self.mine.image, "ls", "/v"), "")
                self.mine.do("volume", "rm", name)

    @attacks.shows("L-02", "404")
    def test_execs_are_absent(self):
        for owner in self.references:
            for method, path, body in (("GET", "json", None), ("POST", "start", {"Detach": True}), ("POST", "resize?h=1&w=1", None)):
                with self.subTest(path):
                    self.absent_path(method, f"/exec/{owner['exec']}/{path}", body)

    def test_images_are_absent(self):
        identity = self.engine.docker.ok("inspect", "-f", "{{.Id}}", "busybox")
        for reference in ("busybox", "busybox:latest", identity, identity[7:], identity[7:19], "theirs-alone"):
            with self.subTest(reference):
                self.absent("inspect", "--type", "image", reference)
                self.absent("history", reference)
                self.absent("tag", reference, "stolen")
                self.absent("rmi", reference)
                self.refused(self.mine.docker("create", "--pull", "never", reference), "no such image", code=1)
        self.absent_path("POST", "/containers/create", {"Image": "busybox"})

    def test_an_image_of_the_host_is_no_base_of_a_build(self):
        status, content = self.mine.api.call("POST", "/build?t=stolen", tar_of({"Dockerfile": "FROM busybox\nRUN true\n"}), raw=True)
        self.assertTrue(status != 200 or b'"error"' in content, content)
        self.assertEqual(self.mine.ok("images", "-q", "stolen"), "")

    @attacks.shows("X-01 X-02 X-08", "only the job's own")
    def test_lists_show_only_what_is_the_jobs(self):
        self.assertEqual(self.mine.ok("ps", "-a", "--format", "{{.Names}}"), "own")
        self.assertEqual(self.mine.ok("volume", "ls", "-q"), "")
        names = self.mine.ok("network", "ls", "--format", "{{.Name}}").split()
        self.assertIn("own-net", names)
        self.assertNotIn("theirs-net", names)
        self.assertNotIn("host-net", names)
        self.assertEqual(self.mine.ok("images", "--format", "{{.Repository}}"), self.mine.image)
        for owner in self.references:
            container = owner["containers"][1]
            for flags in (("--filter", f"id={container}"), ("--filter", f"name={owner['containers'][0]}")):
                self.assertEqual(self.mine.ok("ps", "-aq", *flags), "")
        foreign = [self.theirs.key, "theirs-alone", *(owner[kind][1] for owner in self.references for kind in ("containers", "networks"))]
        for path in ("/containers/json?all=1&size=1", "/images/json?all=1", "/networks", "/volumes", "/system/df", "/info", "/events?until=0"):
            status, content = self.mine.api.call("GET", path, raw=True)
            with self.subTest(path):
                self.assertEqual(status, 200)
                self.assert_private(content.decode())
                self.assertEqual([word for word in foreign if word in content.decode()], [])

    @attacks.shows("X-06", "the same answer for foreign and absent")
    def test_filters_are_no_oracle(self):
        for filters in ("before={}", "since={}"):
            with self.subTest(filters):
                foreign = self.mine.docker("ps", "-a", "--filter", filters.format(self.references[0]["containers"][1]))
                nobody = self.mine.docker("ps", "-a", "--filter", filters.format("f" * 64))
                self.assertEqual((foreign.code, foreign.out), (nobody.code, nobody.out))

    def test_prunes_leave_them(self):
        before = {what: names for what, names in self.engine.snapshot().items() if what != "image ids"}
        for command in (("container", "prune", "-f"), ("volume", "prune", "-f"), ("image", "prune", "-f")):
            self.mine.ok(*command)
        self.assertEqual({what: names for what, names in self.engine.snapshot().items() if what != "image ids"}, before)

    @attacks.shows("X-05 K-15", "free in each job")
    def test_names_taken_by_another_job_are_free(self):
        self.mine.do("create", "--name", "theirs-box", self.mine.image)
        self.mine.do("rm", "theirs-box")
        self.mine.do("network", "create", "theirs-net")
        self.mine.do("network", "rm", "theirs-net")

    @attacks.shows("W-10 W-13", "no way across")
    def test_networks_of_two_jobs_do_not_reach_each_other(self):
        self.theirs.do("run", "-d", "--name", "web", self.theirs.image, "httpd", "-f", "-p", "80", "-h", "/etc")
        try:
            facts = json.loads(self.theirs.ok("inspect", "web"))[0]["NetworkSettings"]["Networks"]["bridge"]
            script = "for i in 1 2 3 4 5 6; do wget -qO- http://{}/passwd && exit; sleep 0.3; done; exit 1".format(facts["IPAddress"])
            self.assertIn("root:", self.theirs.do("run", "--rm", self.theirs.image, "sh", "-c", script))
            result = self.mine.docker("run", "--rm", self.mine.image, "sh", "-c",
                                      f"timeout 2 wget -qO- http://{facts['IPAddress']}/passwd; true")
            self.assertNotIn("root:", result.out)
        finally:
            self.theirs.do("rm", "-f", "web")
