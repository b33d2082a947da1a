"""Makes what a client may send, by a seed: bodies of new containers with one thing wrong with their text, queries and paths in disguise."""

import json
import random
import string

# What a container may be asked for that berth passes on as it is.
FIELDS = {
    "Hostname": ["web", "a-b.c", ""], "Domainname": ["example.org", "d\u00f6main"], "User": ["1000", "1000:1000", "nobody"], "Tty": [True, False],
    "OpenStdin": [True, False], "StdinOnce": [True], "AttachStdout": [True, False], "Env": [["A=b"], ["A=b", "C=d=e", "\u00dc=\U0001f600"], []],
    "Cmd": [["true"], ["sh", "-c", "echo 'a b' \\ \""], None], "Entrypoint": [["/bin/sh"], None], "WorkingDir": ["/tmp", "/a/../b"],
    "StopSignal": ["SIGINT", "9"], "StopTimeout": [0, 5, 60], "Labels": [{"a": "b"}, {"\u212a": "1", "K": "2", "k": "3"}, {"x.y/z": "\u017f s"}, {}],
    "ExposedPorts": [{"80/tcp": {}}, {"80/tcp": {}, "53/udp": {}}], "Volumes": [{"/data": {}}],
    "Healthcheck": [{"Test": ["CMD", "true"], "Interval": 2000000000, "Retries": 3}, {"Test": ["NONE"]}],
}
HOST_FIELDS = {
    "Memory": [0, 67108864, 134217728], "MemoryReservation": [33554432], "CpuShares": [512, 2], "PidsLimit": [100, 7], "NanoCpus": [500000000],
    "CapDrop": [["ALL"], ["NET_RAW", "MKNOD"]], "CapAdd": [["CHOWN"]], "Dns": [["10.0.0.1"]], "DnsSearch": [["example.org"]],
    "ExtraHosts": [["db:10.0.0.9"]], "GroupAdd": [["5", "audio"]], "Init": [True, False], "ReadonlyRootfs": [True, False], "ShmSize": [1048576, 67108864],
    "Tmpfs": [{"/t": "size=1m"}, {"/t": "size=1m,noexec", "/u": "size=2m,mode=755"}], "AutoRemove": [False, True],
    "RestartPolicy": [{"Name": "on-failure", "MaximumRetryCount": 3}, {"Name": "no"}], "OomScoreAdj": [0, 500],
    "Ulimits": [[{"Name": "nofile", "Soft": 64, "Hard": 128}]], "Sysctls": [{"net.ipv4.ip_forward": "1"}], "IpcMode": ["private", "shareable", "none"],
    "LogConfig": [{"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}}, {"Type": "none", "Config": {}}],
    "Mounts": [[{"Type": "tmpfs", "Target": "/m", "TmpfsOptions": {"SizeBytes": 1048576}}]],
    "SecurityOpt": [["no-new-privileges"]],
}
# What would be a way out if a second spelling got it past berth.
HOSTILE = {"Privileged": True, "PidMode": "host", "Binds": ["/:/host"], "CapAdd": ["SYS_ADMIN"], "NetworkMode": "host", "SecurityOpt": ["seccomp=unconfined"],
           "UTSMode": "host", "CgroupParent": "/evil", "Devices": [{"PathOnHost": "/dev/kmsg", "PathInContainer": "/dev/x", "CgroupPermissions": "rwm"}]}


def plain_body(rng, image):
    """The members of a body, as a list of (key, value): a list can hold a key twice."""
    def some(fields, most):
        return [(key, rng.choice(fields[key])) for key in rng.sample(sorted(fields), rng.randint(0, most))]
    body = [("Image", image), *some(FIELDS, 6)]
    body.insert(rng.randint(1, len(body)), ("HostConfig", some(HOST_FIELDS, 6)))
    return body


class Raw(str):
    """Text of a JSON value that is written as it is."""


def written(value):
    """JSON of a value in which lists of pairs are objects."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, list) and value and all(isinstance(each, tuple) for each in value):
        return "{" + ",".join(f"{key if isinstance(key, Raw) else json.dumps(key, ensure_ascii=False)}:{written(item)}" for key, item in value) + "}"
    if isinstance(value, dict):
        return written(list(value.items())) if value else "{}"
    if isinstance(value, list):
        return "[" + ",".join(written(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def sections(body):
    """The member lists of a body: itself and its HostConfig."""
    host = next(value for key, value in body if key == "HostConfig")
    return body, host


def fold(rng, key):
    """Another spelling that Go takes for `key`."""
    choices = [key.lower(), key.upper(), key.swapcase(), key[0].lower() + key[1:]]
    if "s" in key.lower():
        at = rng.choice([n for n, c in enumerate(key) if c in "sS"])
        choices += [key[:at] + "\u017f" + key[at + 1:], Raw('"' + key[:at] + "\\u017f" + key[at + 1:] + '"')]
    if "k" in key.lower():
        at = key.lower().index("k")
        choices += [key[:at] + "\u212a" + key[at + 1:]]
    return rng.choice([each for each in choices if each != key])


def escaped(rng, key):
    at = rng.randrange(len(key))
    return Raw('"' + key[:at] + f"\\u{ord(key[at]):04x}" + key[at + 1:] + '"')


def spoiled(rng, text):
    """Bytes in which one of the texts begins with what is none, and what that is."""
    bad = rng.choice(["\udcff", "\\ud800", "\\udc00x", "\udcc0\udcaf", "\udced\udca0\udc80", "\\u0000", "\t"])
    places = [n for n, c in enumerate(text) if c == '"']
    place = rng.choice(places) + 1
    return bad, (text[:place] + bad + text[place:]).encode("utf-8", "surrogateescape")


def body_variant(rng, image):
    """(what is odd about it, bytes)."""
    body = plain_body(rng, image)
    part = rng.choice(sections(body))
    hostile = rng.choice(sorted(HOSTILE.items()))
    host = sections(body)[1]
    if not part:
        part.append(("Memory", 0) if part is host else ("Tty", False))
    at = rng.randrange(len(part))
    key, value = part[at]
    kind = rng.choice(["plain"] * 6 + ["folded", "folded twice", "folded hostile", "twice", "twice hostile", "section twice", "section reset", "null", "unknown zero",
                                      "unknown", "escaped", "escaped hostile", "wrong type", "number", "tail", "bytes", "blanks", "embedded", "elements", "deep", "top level"])
    before, after = "", ""
    if kind == "folded":
        part[at] = (fold(rng, key), value)
    elif kind == "folded twice":
        part.insert(rng.randint(0, len(part)), (fold(rng, key), value))
    elif kind == "folded hostile":
        host.append((fold(rng, hostile[0]), hostile[1]))
    elif kind == "twice":
        part.insert(rng.randint(0, len(part)), (key, rng.choice([value, None, "x", {}, []])))
    elif kind == "twice hostile":
        zero = {bool: False, str: "", list: []}[type(hostile[1])]
        host += rng.sample([hostile, (hostile[0], zero)], 2)
    elif kind == "section twice":
        body.insert(rng.randint(0, len(body)), (rng.choice(["HostConfig", "hostConfig"]), [hostile]))
    elif kind == "section reset":
        body.append((rng.choice(["HostConfig", "hostconfig"]), None))
    elif kind == "null":
        part[at] = (key, None)
    elif kind == "unknown zero":
        part.append((rng.choice(["Evil", "X-Y", "privilege"]), rng.choice([None, False, 0, "", [], {}])))
    elif kind == "unknown":
        part.append((rng.choice(["Evil", "X-Y", "\u0130mage"]), rng.choice([True, 1, "x", [1], {"a": 1}])))
    elif kind == "escaped":
        part[at] = (escaped(rng, key), value)
    elif kind == "escaped hostile":
        host.append((escaped(rng, hostile[0]), hostile[1]))
    elif kind == "wrong type":
        part[at] = (key, rng.choice(["yes", 1, True, [1], {"a": {}}, 1.5]))
    elif kind == "number":
        host.append(("Memory", Raw(rng.choice(["1e9", "1.0", "-0", "9223372036854775808", "99999999999999999999", "01", "+1", "0x10", "NaN", '"1"', "1e400", "-1"]))))
    elif kind == "tail":
        after = rng.choice(["}", "]", " x", "{}", '{"HostConfig":{"Privileged":true}}', ",", "\0", "//", " \n\t", "]{}"])
    elif kind == "bytes":
        bad, data = spoiled(rng, written(body))
        return f"{kind} {bad!r}", data
    elif kind == "blanks":
        before, after = rng.choice([(" \r\n\t", "\n"), ("\ufeff", ""), ("\v", ""), ("/**/", ""), (" " * 5000, " " * 5000)])
    elif kind == "embedded":
        body.append((rng.choice(["Config", "Resources", "ContainerConfigWrapper"]), [hostile]))
    elif kind == "elements":
        mounts = [("Mounts", [{"Type": "bind", "Source": "/etc", "Target": "/e"}]), (rng.choice(["Mounts", "mounts"]), [{"Target": "/h"}])]
        host += mounts
    elif kind == "deep":
        body.append(("Env", Raw("[" * rng.choice([10, 65, 1000]) + "]" * 10)))
    elif kind == "top level":
        body.append(hostile)
    return kind, (before + written(body) + after).encode("utf-8", "surrogatepass")


TRUTHS = ["1", "0", "true", "false", "True", "FALSE", "no", "NO", "none", "off", "on", "yes", "", "%20", "+0+", "%30", "2", "nope", "%00", "null", "%C2%A00"]


def disguised(rng, text):
    """`text` with some of its characters as escapes."""
    return "".join(f"%{ord(c):02{rng.choice('xX')}}" if rng.random() < 0.15 and c in string.ascii_letters else c for c in text)


def query_variant(rng, choices):
    """A query of some of `choices` (name: values), odd in one way or none."""
    pairs = [f"{disguised(rng, name)}={rng.choice(choices[name])}" for name in rng.sample(sorted(choices), rng.randint(1, min(3, len(choices))))]
    odd = rng.choice([None] * 4 + ["twice", "case", "semicolon", "escape", "alone", "empty", "unknown", "unknown zero"])
    name = rng.choice(sorted(choices))
    if odd == "twice":
        pairs += [f"{name}={rng.choice(choices[name])}" for _ in range(2)]
    elif odd == "case":
        pairs.append(f"{name.upper()}={rng.choice(choices[name])}")
    elif odd == "semicolon":
        pairs[0] += f";{name}=1"
    elif odd == "escape":
        pairs.append(f"{name}=%z{rng.randint(0, 9)}")
    elif odd == "alone":
        pairs.append(name)
    elif odd == "empty":
        pairs += ["", f"{name}=", "=x"][rng.randint(0, 2):]
    elif odd == "unknown":
        pairs.append("evil=1")
    elif odd == "unknown zero":
        pairs.append("evil=0")
    rng.shuffle(pairs)
    return "&".join(pairs)


def path_variant(rng, reference):
    """A target of the inspect of a container, in disguise or not."""
    parts = ["containers", reference, "json"]
    version = rng.choice(["", "/v1.41", "/v1.41", "/v1.24", "/v1.41.", "/v01.41", "/v1.041", "/v1.41.0", "/V1.41", "/v%31.41", "/v1.41/v1.41", "/v1.9", "/v1.99"])
    parts = [disguised(rng, part) if rng.random() < 0.3 else part for part in parts]
    odd = rng.choice([None] * 4 + ["slashes", "dot", "up", "encoded slash", "behind", "case", "tail", "absolute", "twice"])
    path = version + "/" + "/".join(parts)
    if odd == "slashes":
        path = path.replace("/", "//", 1)
    elif odd == "dot":
        path = path.replace("/containers", rng.choice(["/./containers", "/%2e/containers"]))
    elif odd == "up":
        path = path.replace("/json", rng.choice(["/x/../json", "/%2e%2e/json", "/x/%2E./json"]))
    elif odd == "encoded slash":
        path = path[:-5] + rng.choice(["%2fjson", "%2Fjson", "%5cjson"])
    elif odd == "behind":
        path += rng.choice(["/", "%00", "%0a", ";x", "%3bx", "#x", "\\", "%20", "?", "%3fsize=1"])
    elif odd == "case":
        path = path.replace("json", rng.choice(["JSON", "Json"]))
    elif odd == "tail":
        path += rng.choice(["/json", "/start", "/%6ason"])
    elif odd == "absolute":
        path = rng.choice(["http://x", "unix://", "x"]) + path
    elif odd == "twice":
        path = path.replace("/json", "%256ason").replace("%256ason", "/js%256fn")
    return path


def seeded(seed):
    return random.Random(seed)
