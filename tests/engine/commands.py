"""Some commands of the docker CLI without its process, for what tests need around what they are about: each start of a real client takes a tenth
of a second of processor time. What is said about a client, its flags or its messages is shown with the real one."""

import json
import struct
from urllib.parse import quote, urlencode

from tools import tar_of


def settings(words):
    """(query, body) of a create, of the flags, the image and the command behind `run` or `create`."""
    query, body, host = {}, {}, {}
    body["HostConfig"] = host
    words = [str(word) for word in words]
    while words and words[0].startswith("-"):
        flag = words.pop(0)
        if flag in ("-d", "--rm"):
            continue
        if flag == "-P":
            host["PublishAllPorts"] = True
        elif flag == "-i":
            body["OpenStdin"] = True
        else:
            value = words.pop(0)
            if flag == "--name":
                query["name"] = value
            elif flag == "-v" and ":" in value:
                host.setdefault("Binds", []).append(value)
            elif flag == "-v":
                body.setdefault("Volumes", {})[value] = {}
            elif flag == "-p":
                published, _, inside = value.rpartition(":")
                port = inside if "/" in inside else f"{inside}/tcp"
                body.setdefault("ExposedPorts", {})[port] = {}
                host.setdefault("PortBindings", {})[port] = [{"HostPort": published}]
            elif flag in ("-l", "--label"):
                name, _, text = value.partition("=")
                body.setdefault("Labels", {})[name] = text
            elif flag == "--network":
                host["NetworkMode"] = value
            elif flag == "--stop-signal":
                body["StopSignal"] = value
            elif flag == "--volumes-from":
                host.setdefault("VolumesFrom", []).append(value)
            elif flag == "--ip":
                body["NetworkingConfig"] = {"EndpointsConfig": {host["NetworkMode"]: {"IPAMConfig": {"IPv4Address": value}}}}
            elif flag == "--restart":
                host["RestartPolicy"] = {"Name": value}
            elif flag == "--tmpfs":
                host.setdefault("Tmpfs", {})[value] = ""
            else:
                raise ValueError(f"{flag}: take the real client, or teach this one")
    body["Image"], *command = words
    if command:
        body["Cmd"] = command
    return query, body


def texts(stream):
    """What the frames of an answer say."""
    out = []
    while len(stream) >= 8:
        size, = struct.unpack(">L", stream[4:8])
        out.append(stream[8:8 + size])
        stream = stream[8 + size:]
    return b"".join(out).decode(errors="replace")


def do(api, *words):
    """`docker WORDS`, which must succeed: its stripped stdout; of a command that only says what it did, nothing."""
    words = [str(word) for word in words]

    def ask(method, path, body=None, **query):
        path += f"?{urlencode(query)}" if query else ""
        status, content = api.call(method, path, body, raw=path.endswith("/start") and "/exec/" in path or "/logs?" in path)
        assert status < 400, f"docker {' '.join(words)}: {status} {content}"
        return content

    def create(words):
        query, body = settings(words)
        return ask("POST", "/containers/create", body, **query)["Id"]

    command, *rest = words
    if command in ("network", "volume"):
        command, *rest = f"{command} {rest[0]}", *rest[1:]
    names = [quote(word, safe="/:@") for word in rest if not word.startswith("-")]
    flags = {word for word in rest if word.startswith("-")}
    if command == "create":
        return create(rest)
    if command == "run":
        identity = create(rest)
        ask("POST", f"/containers/{identity}/start")
        if "-d" in rest:
            return identity
        code = ask("POST", f"/containers/{identity}/wait")["StatusCode"]
        said = texts(ask("GET", f"/containers/{identity}/logs", stdout=1, stderr=int(code != 0)))
        if "--rm" in rest:
            ask("DELETE", f"/containers/{identity}", v=1)
        assert code == 0, f"docker {' '.join(words)} exited {code}: {said}"
        return said.strip()
    if command == "exec":
        made = ask("POST", f"/containers/{rest[0]}/exec", {"Cmd": rest[1:], "AttachStdout": True, "AttachStderr": True})
        said = texts(ask("POST", f"/exec/{made['Id']}/start", {"Detach": False}))
        code = ask("GET", f"/exec/{made['Id']}/json")["ExitCode"]
        assert code == 0, f"docker {' '.join(words)} exited {code}: {said}"
        return said.strip()
    if command == "tag":
        repository, _, tag = rest[1].rpartition(":") if ":" in rest[1].rpartition("/")[2] else (rest[1], "", "latest")
        return ask("POST", f"/images/{names[0]}/tag", repo=repository, tag=tag)
    if command == "network create":
        return ask("POST", "/networks/create", {"Name": rest[-1], "CheckDuplicate": True, "EnableIPv6": "--ipv6" in flags})["Id"] if flags <= {"--ipv6"} else unknown(words)
    if command == "network connect":
        return ask("POST", f"/networks/{names[0]}/connect", {"Container": rest[1]})
    if command == "volume create":
        return ask("POST", "/volumes/create", {"Name": rest[0] if rest else ""})["Name"]
    known = {"rm": ("DELETE", "/containers/{}", {"-f": {"force": 1}, "-v": {"v": 1}, "-fv": {"force": 1, "v": 1}}),
             "rmi": ("DELETE", "/images/{}", {"-f": {"force": 1}}), "network rm": ("DELETE", "/networks/{}", {}), "volume rm": ("DELETE", "/volumes/{}", {}),
             **{each: ("POST", f"/containers/{{}}/{each}", {}) for each in ("start", "kill", "pause", "unpause", "wait")}}
    if command not in known or not flags <= set(known[command][2]):
        return unknown(words)
    method, path, meanings = known[command]
    query = {key: value for flag in flags for key, value in meanings[flag].items()}
    for name in names:
        ask(method, path.format(name), **query)
    return ""


def build(api, files, **query):
    """A classic build. The answer's lines."""
    status, content = api.call("POST", f"/build?{urlencode({**query, 'rm': 1})}", tar_of(files), raw=True)
    lines = [json.loads(line) for line in content.splitlines() if line.strip()]
    assert status == 200 and not any("error" in line for line in lines), f"build {query}: {status} {lines[-3:]}"
    return lines


def load(api, archive):
    """`docker load`."""
    status, content = api.call("POST", "/images/load?quiet=1", archive, raw=True)
    assert status == 200 and b'"error"' not in content, f"load: {status} {content[-300:]}"


def unknown(words):
    raise ValueError(f"docker {' '.join(words)}: take the real client, or teach this one")
