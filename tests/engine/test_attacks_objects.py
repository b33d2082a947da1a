"""Attacks by every other request: on networks, volumes, images, builds, execs and what an engine has besides."""

import io
import json
import tarfile
from urllib.parse import quote

import attacks
from harness import EngineCase
from object_attacks import REFUSED
from tools import tar_of, wait_for

ENGINES = ("distribution", "newest")


class Requests(EngineCase):
    jobs_wanted = ("job", "victim")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.victim.do("network", "create", "victim-net")
        box = cls.victim.do("run", "-d", "--name", "victim-box", "--network", "victim-net", "-v", "victim-volume:/v", cls.victim.image, "sleep", "1000")
        cls.job.do("network", "create", "own-net")
        own = cls.job.do("run", "-d", "--name", "own-box", cls.job.image, "sleep", "1000")
        network = next(each for each in cls.engine.api.get("/networks") if each["Name"] == f"berth.{cls.victim.key}.victim-net")
        cls.words = {"BOX": box, "OWN": own, "NET": network["Id"], "REALNET": network["Name"],
                     "EXEC": cls.engine.api.call("POST", f"/containers/{box}/exec", {"Cmd": ["true"]})[1]["Id"],
                     # The first of the victim's id that is not the first of the job's own.
                     "GUESS": next(box[:size] for size in range(1, 64) if not own.startswith(box[:size])),
                     "BUSYBOX": cls.engine.docker.ok("inspect", "-f", "{{.Id}}", "busybox:latest")}
        cls.context = tar_of({"Dockerfile": f"FROM {cls.job.image}\nRUN true\n"})

    def filled(self, value):
        text = json.dumps(value) if isinstance(value, (dict, list)) else value
        for word in ("REALNET", "GUESS", "BUSYBOX", "EXEC", "BOX", "OWN", "NET"):
            text = text.replace(word, self.words[word])
        return json.loads(text) if isinstance(value, (dict, list)) else text

    @attacks.shows(attacks.ids_of(REFUSED))
    def test_what_is_refused_changes_nothing_on_the_engine(self):
        def state():
            facts = self.engine.api.get(f"/containers/{self.words['BOX']}/json")
            return self.engine.snapshot(), facts["State"]["Status"], sorted(facts["NetworkSettings"]["Networks"]), facts["Name"], len(facts["ExecIDs"] or [])
        before = state()
        for name, method, path, body, status, words in REFUSED:
            with self.subTest(name):
                sent = self.context if body == "CONTEXT" else body if isinstance(body, bytes) else self.filled(body) if body is not None else None
                got, content = self.job.api.call(method, self.filled(path), sent)
                text = json.dumps(content)
                self.assertEqual(got, status, text)
                self.assertIn(words, text)
                self.assert_private(text.replace(self.words["REALNET"], ""))  # what was asked for by it may be said back
                self.assertEqual(state(), before)
                message = content.get("message", "") if isinstance(content, dict) else text
                for attack in attacks.first_ids(name):
                    attacks.saw(attack, status, f"{message} | the engine's objects and the victim's container are as before")

    @attacks.shows("M-19 M-20")
    def test_a_volume_of_the_same_name_is_the_jobs_own(self):
        self.engine.docker.ok("volume", "create", "--label", "whose=host", "gitlab-cache")
        try:
            for name in ("gitlab-cache", "victim-volume"):
                status, content = self.job.api.call("POST", "/volumes/create", {"Name": name})
                self.assertEqual((status, content["Name"], content["Labels"] or None), (201, name, None), content)
                made = self.engine.api.get(f"/volumes/berth.{self.job.key}.{name}")
                self.assertEqual(made["Labels"]["berth.key"], self.job.key)
                attacks.saw("M-20", "its own", f"the engine has {made['Name']} beside {name}")
                identity = self.job.do("create", "-v", f"{name}:/c", self.job.image)
                mounts = self.engine.api.get(f"/containers/{identity}/json")["Mounts"]
                self.assertEqual([each["Name"] for each in mounts], [made["Name"]])
                attacks.saw("M-19", "its own", f"-v {name}:/c mounts {made['Name']}")
                self.job.do("rm", identity)
                self.job.do("volume", "rm", name)
        finally:
            self.engine.do("volume", "rm", "gitlab-cache")

    @attacks.shows("N-07")
    def test_the_id_in_an_endpoint_chooses_no_network(self):
        endpoint = {"NetworkID": self.words["NET"], "EndpointID": "x", "IPAddress": "1.2.3.4"}
        status, content = self.job.api.call("POST", "/containers/create", {"Image": self.job.image, "Cmd": ["sleep", "100"], "HostConfig": {"NetworkMode": "own-net"},
                                                                            "NetworkingConfig": {"EndpointsConfig": {"own-net": endpoint}}})
        self.assertEqual(status, 201, content)
        self.job.do("start", content["Id"])
        self.job.ok("network", "disconnect", "own-net", content["Id"])
        self.assertEqual(self.job.api.call("POST", "/networks/own-net/connect", {"Container": content["Id"], "EndpointConfig": endpoint})[0], 200)
        networks = self.engine.api.get(f"/containers/{content['Id']}/json")["NetworkSettings"]["Networks"]
        self.assertEqual(list(networks), [f"berth.{self.job.key}.own-net"])
        self.assertNotEqual(networks[f"berth.{self.job.key}.own-net"]["NetworkID"], self.words["NET"])
        attacks.saw("N-07", "dropped", f"created and connected with it, the engine has the container on {list(networks)} alone")
        self.job.do("rm", "-f", content["Id"])

    @attacks.shows("M-25 L-04 R-05 W-03 W-12 W-13 W-15 B-20 N-12 R-15", "accepted by design: the container's own, or the knob's to refuse")
    def test_what_is_the_containers_own_is_left_to_it(self):
        """Masks of /etc, root in an exec, no limits unless the profile has some, static addresses and aliases in an own network, other name
        servers, names for the host, a shared namespace whose owner is gone, and files in the container's own layer, which goes with it."""
        self.job.ok("network", "create", "--subnet", "10.91.0.0/24", "fixed")
        self.job.ok("run", "-d", "--name", "donor", "--tmpfs", "/etc/conf.d", "--network", "fixed", "--ip", "10.91.0.9", "--network-alias", "registry.corp",
                    "--dns", "10.0.0.53", "--add-host", "host.docker.internal:host-gateway", self.job.image, "sleep", "1000")
        self.assertEqual(self.job.ok("exec", "-u", "0:0", "donor", "id", "-u"), "0")
        facts = self.engine.api.get(f"/containers/{self.job.ok('inspect', '-f', '{{.Id}}', 'donor')}/json")
        self.assertEqual(list(facts["NetworkSettings"]["Networks"]), [f"berth.{self.job.key}.fixed"], "never on docker0")
        self.assertEqual(facts["HostConfig"]["Memory"], 0)
        self.assertEqual(facts["HostConfig"]["ExtraHosts"], [f"host.docker.internal:{self.job.address()}"])
        self.job.do("create", "--name", "guest", "--network", "container:donor", self.job.image, "true")
        self.job.do("rm", "-f", "donor")
        self.assertNotEqual(self.job.docker("start", "guest").code, 0)
        self.job.do("rm", "guest")
        self.job.do("network", "rm", "fixed")

    @attacks.shows("M-26")
    def test_links_of_a_container_lead_archives_nowhere_else(self):
        self.job.do("exec", "own-box", "sh", "-c", "ln -s / /up; mkdir -p /deep; ln -s ../../../../.. /deep/out")
        marker = f"berth-attack-{self.job.key}"
        for link in ("up", "deep/out"):
            status, content = self.job.api.call("PUT", f"/containers/own-box/archive?path=/{link}/tmp", tar_of({marker: "x"}))
            self.assertEqual(status, 200, content)
            self.assertEqual(self.job.do("exec", "own-box", "cat", f"/tmp/{marker}"), "x")
            self.assertNotEqual(self.engine.inside("cat", f"/tmp/{marker}").code, 0, "written to the host")
            self.job.do("exec", "own-box", "rm", f"/tmp/{marker}")
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            up = tarfile.TarInfo(f"../../../../../../tmp/{marker}")
            archive.addfile(up, io.BytesIO())
        status, content = self.job.api.call("PUT", "/containers/own-box/archive?path=/tmp", buffer.getvalue())
        self.assertNotEqual(self.engine.inside("ls", f"/tmp/{marker}").code, 0)
        attacks.saw("M-26", "of the container alone", f"through links to / and an entry with dots ({status}) nothing came to the host's /tmp")

    @attacks.shows("L-05")
    def test_an_update_lifts_no_limit(self):
        status, content = self.job.api.call("POST", "/containers/own-box/update", {"RestartPolicy": {"Name": "always"}})
        self.assertEqual(status, 200, content)
        facts = self.engine.api.get(f"/containers/{self.words['OWN']}/json")["HostConfig"]
        self.assertEqual(facts["RestartPolicy"], {"Name": "on-failure", "MaximumRetryCount": 10})
        attacks.saw("L-05", "capped", f"the engine has RestartPolicy {facts['RestartPolicy']}; Memory and PidsLimit by test_rules")
        self.job.ok("update", "--restart", "no", "own-box")

    @attacks.shows("R-22 G-16 G-17 B-08")
    def test_prunes_are_berths_own(self):
        before = self.engine.snapshot()
        bystander = self.engine.do("create", "--name", "bystander", "busybox")
        self.engine.do("volume", "create", "bystander")
        try:
            turned = quote(json.dumps({"label!": [f"berth.key={self.job.key}"]}))
            for attack, path in (("G-16", f"/containers/prune?filters={turned}"), ("G-16", f"/networks/prune?filters={turned}"),
                                 ("G-16", f"/volumes/prune?filters={turned}"), ("R-22", f"/images/prune?filters={quote(json.dumps({'dangling': ['false']}))}"),
                                 ("G-17", f"/volumes/prune?filters={quote(json.dumps({'all': ['true']}))}"), ("B-08", "/build/prune?all=1")):
                status, content = self.job.api.call("POST", path)
                self.assertEqual(status, 200, content)
                self.assertNotIn(bystander, json.dumps(content))
                self.engine.docker.ok("inspect", "bystander")
                self.engine.docker.ok("volume", "inspect", "bystander")
                self.engine.docker.ok("image", "inspect", "busybox:latest")
                attacks.saw(attack, "the job's own alone", f"{path.split('?')[0]} {json.dumps(content)[:80]}; the host's and the victim's objects are there")
            self.assertEqual(self.engine.api.get(f"/containers/{self.words['BOX']}/json")["State"]["Status"], "running")
        finally:
            self.engine.docker("rm", "bystander")
            self.engine.docker("volume", "rm", "bystander")
        gone = {what: before[what] - names for what, names in self.engine.snapshot().items()}
        self.assertEqual({name for names in (gone["containers"], gone["volumes"]) for name in names if self.victim.key in name}, set())
        self.job.docker("network", "create", "own-net")  # pruned as the job's own unused one
        self.job.load_busybox()

    @attacks.shows("I-14 G-01 G-02 G-11 B-21 I-15")
    def test_labels_of_an_image_give_nothing(self):
        spoofed = {"berth.key": self.victim.key, "berth.job": self.victim.id, "execID": "x", "exitCode": "7", "signal": "9"}
        labels = " ".join(f'"{key}"="{value}"' for key, value in spoofed.items())
        self.job.build("spoofed", {"Dockerfile": f"FROM {self.job.image}\nLABEL {labels}\nHEALTHCHECK --interval=1ms CMD true\n"}, labels=json.dumps(spoofed))
        attacks.saw("B-21", "no authority", "the build is the job's whatever its labels say")
        identity = self.job.do("run", "-d", "--name", "spoof", "spoofed", "sleep", "1000")
        facts = self.engine.api.get(f"/containers/{identity}/json")
        self.assertEqual(facts["Config"]["Labels"]["berth.key"], self.job.key)
        self.assertEqual(facts["Config"]["Healthcheck"]["Interval"], 10**9)
        attacks.saw("I-14", "overwritten", f"the engine has berth.key={facts['Config']['Labels']['berth.key']}, which is the job's")
        attacks.saw("I-15", "judged", "HEALTHCHECK --interval=1ms of the image is Interval 1000000000 on the engine")
        self.assertNotIn(identity, self.victim.ok("ps", "-aq", "--no-trunc"))
        attacks.saw("G-01", "no authority", "a container with the victim's labels in its image is in no list of the victim")
        # Committed, its labels are not ours; the events' own attributes come from the engine.
        self.job.ok("commit", "-c", f"LABEL berth.key={self.victim.key}", "spoof", "again")
        second = self.job.do("run", "-d", "again", "sleep", "1000")
        self.assertEqual(self.engine.api.get(f"/containers/{second}/json")["Config"]["Labels"]["berth.key"], self.job.key)
        attacks.saw("G-02", "overwritten", "a container of an image committed with the victim's label has the job's")
        foreign = self.engine.do("run", "-d", f"berth.{self.job.key}/docker.io/library/again:latest", "sleep", "1000")
        try:
            self.assertNotIn(foreign, self.job.ok("ps", "-aq", "--no-trunc") + self.victim.ok("ps", "-aq", "--no-trunc"))
            self.job.do("rm", "-f", "spoof", second)
            self.job.docker("rm", "-f", foreign)
            self.engine.docker.ok("inspect", foreign)
            wait_for(lambda: "spoof" not in self.job.ok("ps", "-a"), 10, "the removal")
            attacks.saw("G-11", "not believed", "labels exitCode, execID and signal: the removal is seen, and the host's own container of that image is nobody's")
        finally:
            self.engine.docker("rm", "-f", foreign)
        self.job.do("rmi", "again", "spoofed")

    @attacks.shows("K-15 K-16 K-17")
    def test_names_have_one_meaning(self):
        first = self.job.do("run", "-d", "--name", "aa-b", "--network", "own-net", self.job.image, "sleep", "1000")
        second = self.job.do("run", "-d", "--name", "aa", "--network", "own-net", self.job.image, "sleep", "1000")
        names = sorted(self.engine.api.get(f"/containers/{each}/json")["Name"] for each in (first, second))
        self.assertEqual(names, [f"/berth.{self.job.key}.aa", f"/berth.{self.job.key}.aa-b"])
        attacks.saw("K-15", "injective", f"the engine has {names}")
        self.job.do("exec", "aa", "nslookup", "aa-b")
        attacks.saw("K-16", "by alias", "`aa` finds `aa-b` by its virtual name")
        self.assertEqual(self.job.do("exec", "aa", "hostname"), second[:12])
        attacks.saw("K-17", "real ids", f"the host name is {second[:12]}, the short id")
        self.job.do("rm", "-f", "aa", "aa-b")
