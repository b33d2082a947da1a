"""Attacks by every other request: on networks, volumes, images, builds, execs and what an engine has besides."""

import io
import json
import tarfile
from urllib.parse import quote

import attacks
from harness import EngineCase
from test_save_load import image_archive
from tools import tar_of, wait_for

ENGINES = ("distribution", "newest")

# (name, method, path, body, status through a door, words of the answer). BOX, EXEC, NET: the victim's ids; OWN: a container of the job's. GUESS: a prefix of
# the victim's id.
REFUSED = [
    ("M-13", "POST", "/volumes/create", {"Name": "vol", "DriverOpts": {"type": "none", "o": "bind", "device": "/"}}, 403, "DriverOpts"),
    ("M-13 another spelling", "POST", "/volumes/create", {"Name": "vol", "DriverOpts": {"type": "none", "o": " BIND", "device": "/"}}, 403, "DriverOpts"),
    ("M-13 options without a type", "POST", "/volumes/create", {"Name": "vol", "DriverOpts": {"device": "/"}}, 403, "DriverOpts"),
    ("M-14", "POST", "/volumes/create", {"Name": "vol", "DriverOpts": {"type": "ext4", "device": "/dev/sda1", "o": "rw"}}, 403, "DriverOpts"),
    ("M-15", "POST", "/volumes/create", {"Name": "vol", "DriverOpts": {"type": "overlay", "device": "overlay", "o": "lowerdir=/etc:/root"}}, 403, "DriverOpts"),
    ("M-15 proc", "POST", "/volumes/create", {"Name": "vol", "DriverOpts": {"type": "proc", "device": "proc"}}, 403, "DriverOpts"),
    ("M-15 a tmpfs with more", "POST", "/volumes/create", {"Name": "vol", "DriverOpts": {"type": "tmpfs", "device": "tmpfs", "o": "mpol=bind:0"}}, 403, "DriverOpts"),
    ("M-16,G-09", "POST", "/volumes/create", {"Name": "vol", "DriverOpts": {"type": "nfs", "o": "addr=10.0.0.5,rw", "device": ":/export"}}, 403, "DriverOpts"),
    ("M-16 CIFS", "POST", "/volumes/create", {"Name": "vol", "DriverOpts": {"type": "cifs", "o": "password=x", "device": "//10.0.0.5/x"}}, 403, "DriverOpts"),
    ("M-18", "POST", "/volumes/create", {"Name": "vol", "Driver": "vieux/sshfs:latest"}, 403, "Driver"),
    ("S-07", "POST", "/volumes/create", {"Name": "vol", "ClusterVolumeSpec": {"Group": "x"}}, 403, "ClusterVolumeSpec"),
    ("S-07 an update", "PUT", "/volumes/vol?version=1", None, 403, "closed"),
    ("M-23,G-07 a mark of the engine's own", "POST", "/volumes/create", {"Name": "vol", "Labels": {"com.docker.volume.anonymous": ""}}, 403, "anonymous"),

    ("N-09", "GET", "/containers/own-box%2Fdb/json", None, 400, ""),
    ("N-09 with a slash", "DELETE", "/containers/own-box/db?force=1", None, 404, ""),
    ("N-10,X-07", "GET", "/containers/GUESS/json", None, 404, "No such container: "),
    ("L-15", "POST", "/containers/BOX/attach?stream=1", None, 404, "No such container"),
    ("L-15 logs", "GET", "/containers/BOX/logs?stdout=1", None, 404, "No such container"),
    ("L-15 files", "GET", "/containers/BOX/archive?path=/", None, 404, "No such container"),
    ("L-15 all files", "GET", "/containers/BOX/export", None, 404, "No such container"),
    ("L-15 stats", "GET", "/containers/BOX/stats?stream=0", None, 404, "No such container"),
    ("L-15 changes", "GET", "/containers/BOX/changes", None, 404, "No such container"),
    ("L-15,I-18 commit", "POST", "/commit?container=BOX&repo=stolen", {}, 404, "No such container"),
    ("L-02", "POST", "/exec/EXEC/start", {"Detach": True}, 404, "No such exec instance"),
    ("L-02 inspect", "GET", "/exec/EXEC/json", None, 404, "No such exec instance"),
    ("L-02 resize", "POST", "/exec/EXEC/resize?h=1&w=1", None, 404, "No such exec instance"),
    ("L-06", "POST", "/containers/BOX/rename?name=mine", None, 404, "No such container"),
    ("L-06 to a name like an id", "POST", f"/containers/OWN/rename?name={'b2' * 32}", None, 400, "name"),
    ("L-01", "POST", "/containers/OWN/exec", {"Cmd": ["true"], "Privileged": True}, 403, "Privileged"),
    ("L-05 devices", "POST", "/containers/OWN/update", {"DeviceCgroupRules": ["a *:* rwm"]}, 403, "DeviceCgroupRules"),
    ("L-05,R-06 the killer off", "POST", "/containers/OWN/update", {"OomKillDisable": True}, 403, "OomKillDisable"),
    ("L-12", "POST", "/containers/OWN/checkpoints", {"CheckpointID": "x", "CheckpointDir": "/etc/cron.d"}, 403, "checkpoints"),
    ("L-12,G-18 a directory of the host", "DELETE", "/containers/OWN/checkpoints/docker?dir=/var/lib", None, 403, "checkpoints"),
    ("L-13", "POST", "/containers/OWN/start?checkpoint=x", None, 403, "checkpoint"),
    ("L-13 from a directory", "POST", "/containers/OWN/start?checkpoint=x&checkpoint-dir=/etc", None, 403, "checkpoint"),
    ("L-14", "GET", "/containers/OWN/top?ps_args=-eorss=PID%20-oargs", None, 403, "ps_args"),
    ("L-14 the environment", "GET", "/containers/OWN/top?ps_args=-eo%20pid,environ", None, 403, "ps_args"),
    ("L-14 a pid that is none", "GET", "/containers/OWN/top?ps_args=-eo%20args,pid", None, 403, "ps_args"),
    ("L-16", "POST", "/containers/OWN/resize?h=x&w=1", None, 400, "h"),
    ("L-16 beyond any size", "POST", "/containers/OWN/resize?h=99999999999999999999&w=1", None, 400, "h"),

    ("W-01", "POST", "/networks/NET/connect", {"Container": "OWN"}, 404, "not found"),
    ("W-01,G-08 another's container", "POST", "/networks/own-net/connect", {"Container": "BOX"}, 404, "No such container"),
    ("W-01 by the name on the engine", "POST", "/networks/REALNET/connect", {"Container": "OWN"}, 404, "not found"),
    ("W-02", "POST", "/networks/NET/disconnect", {"Container": "BOX", "Force": True}, 404, "not found"),
    ("W-02 an endpoint by its name", "POST", "/networks/own-net/disconnect", {"Container": "victim-box", "Force": True}, 404, "No such container"),
    ("W-04", "POST", "/networks/create", {"Name": "bad", "Driver": "macvlan", "Options": {"parent": "ext0"}}, 403, "Driver"),
    ("W-04 ipvlan", "POST", "/networks/create", {"Name": "bad", "Driver": "ipvlan", "Options": {"parent": "ext0"}}, 403, "Driver"),
    ("W-04 another", "POST", "/networks/create", {"Name": "bad", "Driver": "overlay"}, 403, "Driver"),
    ("W-04 none", "POST", "/networks/create", {"Name": "bad", "Driver": "null"}, 403, "Driver"),
    ("W-05", "POST", "/networks/create", {"Name": "bad", "Options": {"com.docker.network.bridge.name": "docker0"}}, 403, "bridge.name"),
    ("W-06", "POST", "/networks/create", {"Name": "bad", "IPAM": {"Config": [{"Subnet": "93.184.216.0/24", "Gateway": "93.184.216.1"}]}}, 403, "Subnet"),
    ("W-06 metadata", "POST", "/networks/create", {"Name": "bad", "IPAM": {"Config": [{"Subnet": "169.254.169.0/24"}]}}, 403, "Subnet"),
    ("W-06 all there is", "POST", "/networks/create", {"Name": "bad", "IPAM": {"Config": [{"Subnet": "0.0.0.0/0"}]}}, 403, "Subnet"),
    ("W-06 a gateway elsewhere", "POST", "/networks/create", {"Name": "bad", "IPAM": {"Config": [{"Subnet": "10.99.0.0/24", "Gateway": "8.8.8.8"}]}}, 403, "Gateway"),
    ("W-07", "POST", "/networks/create", {"Name": "bad", "Options": {"com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected"}}, 403, "Options"),
    ("W-07 the address that it shows outside", "POST", "/networks/create", {"Name": "bad", "Options": {"com.docker.network.host_ipv4": "198.18.0.9"}}, 403, "Options"),
    ("W-07 where its ports are", "POST", "/networks/create", {"Name": "bad", "Options": {"com.docker.network.bridge.host_binding_ipv4": "0.0.0.0"}}, 403, "Options"),
    ("W-08", "POST", "/networks/create", {"Name": "bad", "ConfigOnly": True}, 403, "ConfigOnly"),
    ("W-08 from another", "POST", "/networks/create", {"Name": "bad", "ConfigFrom": {"Network": "x"}}, 403, "ConfigFrom"),
    ("W-08 of a swarm", "POST", "/networks/create", {"Name": "bad", "Scope": "swarm"}, 403, "Scope"),
    ("W-08 ingress", "POST", "/networks/create", {"Name": "bad", "Ingress": True}, 403, "Ingress"),
    ("W-14", "POST", "/networks/create", {"Name": "a1" * 32}, 400, "name"),
    ("W-14 a line end", "POST", "/networks/create", {"Name": "a\nb"}, 400, "name"),
    ("W-14 without bound", "POST", "/networks/create", {"Name": "a" * 4000}, 400, "name"),
    ("W-17", "POST", "/networks/create", {"Name": "bad", "EnableIPv6": True, "IPAM": {"Config": [{"Subnet": "2001:db8::/64"}]}}, 403, "Subnet"),

    ("I-04 history", "GET", "/images/busybox:latest/history", None, 404, "No such image"),
    ("I-04 tag", "POST", "/images/busybox:latest/tag?repo=mine", None, 404, "No such image"),
    ("I-07", "DELETE", "/images/busybox:latest?force=1", None, 404, "No such image"),
    ("I-07 by its id", "DELETE", "/images/BUSYBOX?force=1", None, 404, "No such image"),
    ("I-07 a platform of it", "DELETE", "/images/own-busybox?platforms=%7B%22os%22:%22linux%22%7D", None, 403, "platforms"),
    ("I-08", "POST", "/images/busybox/push?tag=latest", None, 404, "does not exist"),
    ("I-09", "GET", "/images/busybox:latest/get", None, 404, "No such image"),
    ("I-09 the second of two", "GET", "/images/get?names=own-busybox&names=busybox:latest", None, 404, "No such image"),
    ("I-10", "POST", "/images/create?fromSrc=http://169.254.169.254/latest/meta-data/&repo=x", None, 403, "fromSrc"),
    ("I-10 without a scheme", "POST", "/images/create?fromSrc=169.254.169.254/x&repo=x", None, 403, "fromSrc"),
    ("I-11 by a search", "GET", "/images/search?term=198.18.0.1:99/x", None, 403, "closed"),
    ("I-11 by the distribution endpoint", "GET", "/distribution/198.18.0.1:99/x/json", None, 403, "closed"),
    ("I-19", "GET", "/images/own-busybox/attestations", None, 403, "closed"),

    ("B-01", "POST", "/build?networkmode=host", "CONTEXT", 403, "networkmode"),
    ("B-02", "POST", "/build?networkmode=container:BOX", "CONTEXT", 404, "No such container"),
    ("B-02 a network", "POST", "/build?networkmode=victim-net", "CONTEXT", 404, "not found"),
    ("B-04", "POST", "/build?remote=http://169.254.169.254/", None, 403, "remote"),
    ("B-04,B-23 a repository", "POST", "/build?remote=git://10.0.0.1/x.git", None, 403, "remote"),
    ("B-12", "POST", "/build?remote=upload-request&buildid=x", None, 403, "remote"),
    ("B-12 another's build stopped", "POST", "/build/cancel?id=x", None, 404, "no such build"),
    ("B-13", "POST", "/build?outputs=" + quote('[{"Type":"image","Attrs":{"name":"node:20","push":"true"}}]'), "CONTEXT", 403, "outputs"),
    ("B-14", "POST", "/grpc", None, 403, "BuildKit"),
    ("B-10,B-11,B-18", "POST", "/session", None, 403, "BuildKit"),
    ("B-06,B-07,B-15,B-19", "POST", "/build?version=2&buildargs=" + quote('{"BUILDKIT_SYNTAX":"evil/frontend"}'), "CONTEXT", 403, "version"),
    ("B-24", "POST", "/build?ulimits=" + quote('[{"Name":"core","Soft":-1,"Hard":-1}]'), "CONTEXT", 403, "Ulimits"),
    ("B-24 shared memory", "POST", "/build?shmsize=1099511627776", "CONTEXT", 403, "hm"),
    ("B-24 security options", "POST", "/build?securityopt=seccomp%3Dunconfined", "CONTEXT", 403, "securityopt"),
    ("B-22", "POST", "/containers/create?name=buildx_buildkit_builder0", {"Image": "own-busybox", "HostConfig": {"Privileged": True}}, 403, "Privileged"),

    ("S-01", "POST", "/swarm/init", {"ListenAddr": "0.0.0.0:2377", "ForceNewCluster": True}, 403, "swarm"),
    ("S-02", "POST", "/swarm/join", {"RemoteAddrs": ["198.18.0.2:2377"], "JoinToken": "x"}, 403, "swarm"),
    ("S-03", "POST", "/swarm/leave?force=1", None, 403, "swarm"),
    ("S-03 its key", "GET", "/swarm/unlockkey", None, 503, "not a swarm manager"),
    ("S-03 its nodes", "GET", "/nodes", None, 503, "not a swarm manager"),
    ("S-04", "POST", "/services/create", {"Name": "x", "TaskTemplate": {"ContainerSpec": {"Image": "busybox"}}}, 503, "not a swarm manager"),
    ("S-05", "POST", "/secrets/create", {"Name": "x", "Data": ""}, 503, "not a swarm manager"),
    ("S-05 configs", "GET", "/configs", None, 503, "not a swarm manager"),
    ("S-06,G-18", "POST", "/plugins/pull?remote=evil/p", [], 403, "plugins"),
    ("S-06 made", "POST", "/plugins/create?name=x", b"", 403, "plugins"),
    ("S-06 set", "POST", "/plugins/x/set", ["a=b"], 403, "plugins"),
    ("S-08,X-13", "GET", "/debug/pprof/heap", None, 404, "page not found"),
    ("S-08,X-13 variables", "GET", "/debug/vars", None, 404, "page not found"),
    ("H-13", "GET", "/containers/OWN/attach/ws?stream=1&stdin=1", None, 403, "WebSocket"),
    ("X-06", "GET", "/containers/json?filters=" + quote('{"before":["victim-box"]}'), None, 404, "No such container: victim-box"),
    ("X-06 what is nowhere", "GET", "/containers/json?filters=" + quote('{"before":["no-such-box"]}'), None, 404, "No such container: no-such-box"),
]


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


class Large(EngineCase):
    """Objects that are too large to be read do not outlive their job."""

    def create(self, job, body, query=""):
        return job.api.call("POST", "/containers/create" + query, {"Image": job.image, **body})

    def assert_none_left(self, job, images):
        job.close()
        for what in (("ps", "-aq", "--no-trunc"), ("volume", "ls", "-q")):
            self.assertEqual(set(self.engine.docker.ok(*what).split()), self.before[what])
        self.assertEqual(set(self.engine.docker.ok("images", "-aq").split()), images)

    def setUp(self):
        self.before = {what: set(self.engine.docker.ok(*what).split()) for what in (("ps", "-aq", "--no-trunc"), ("volume", "ls", "-q"))}

    @attacks.shows("V-10", "refused, and the image is taken away again")
    def test_settings_that_add_up(self):
        images = set(self.engine.docker.ok("images", "-aq").split())
        job = self.open_job()
        for last in ([], ["FROM scratch", "LABEL a=b"], ["RUN exit 7"]):  # the result, a stage in front of it, and what a failed build leaves
            with self.subTest(last):
                lines = [f"FROM {job.image}", *("LABEL " + " ".join(f"{key}{number}=1" for number in range(2100)) for key in "ab"), *last]
                status, text = job.api.call("POST", "/build?t=large", tar_of({"Dockerfile": "\n".join(lines) + "\n"}), raw=True)
                self.assertIn("are too large for a job", text.decode() if isinstance(text, bytes) else str(text))
                self.refused(job.docker("image", "inspect", "large"), "No such image", code=1)
        status, made = self.create(job, {"Labels": {f"a{number}": "" for number in range(3000)}})
        self.assertEqual(status, 201, made)
        status, answer = job.api.call("POST", f"/commit?container={made['Id']}&repo=large", {"Labels": {f"b{number}": "" for number in range(3000)}})
        self.assertEqual(status, 413, answer)
        archive, _ = image_archive("large:latest", labels={"a": "x" * 600000})
        status, text = job.api.call("POST", "/images/load", archive, raw=True)
        self.assertIn("are too large for a job", str(text))
        self.refused(job.docker("image", "inspect", "large"), "No such image", code=1)
        self.assertEqual(job.docker("run", "--rm", job.image, "true").code, 0)
        self.assert_none_left(job, images)

    @attacks.shows("V-11", "413, and both are removed again")
    def test_a_container_that_cannot_be_read(self):
        images = set(self.engine.docker.ok("images", "-aq").split())
        job = self.open_job()
        body = {"Cmd": ["true", "\x01" * 500000], "Volumes": {"/data": {}}}  # the engine tells of it twice, and six bytes for each
        status, answer = self.create(job, body, "?name=large")
        self.assertEqual(status, 413, answer)
        self.assertEqual(job.ok("ps", "-aq"), "")
        self.assertEqual(job.ok("volume", "ls", "-q"), "")
        status, answer = self.create(job, {"Cmd": ["true"], "Volumes": {"/data": {}}}, "?name=large")
        self.assertEqual(status, 201, answer)
        job.do("rm", "large")
        self.assert_none_left(job, images)

    @attacks.shows("V-12", "found in the lists, and removed")
    def test_what_only_the_lists_tell_of(self):
        """No ledger has them: as after a crash in front of its last write."""
        images = set(self.engine.docker.ok("images", "-aq").split())
        job = self.open_job()
        api, name, labels = self.engine.api, f"berth.{job.key}.lost", {"a": "x" * (5 << 20)}
        for path, body in ((f"/containers/create?name={name}", {"Image": "busybox", "Labels": labels}), ("/volumes/create", {"Name": name, "Labels": labels})):
            status, made = api.call("POST", path, body)
            self.assertEqual(status, 201, str(made)[:300])
        self.assert_none_left(job, images)
