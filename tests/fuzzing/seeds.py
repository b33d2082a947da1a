"""Writes the seeds of one fuzz target into a folder, and its dictionary: `seeds.py TARGET FOLDER DICTIONARY`.

Seeds are inputs on each side of the rules; words are the names that a random change would not find. The names of a body's fields and of the
rules' keys are read from the tables in rules/, so that new ones are known here too.
"""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import re
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ID = "ab" * 32


def tar_of(entries, form=tarfile.PAX_FORMAT):
    """A tar of (name, content); content None: a directory, "-> x": a symbolic link, "=> x": a hard link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content in entries:
            member = tarfile.TarInfo(name)
            if content is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(content, str) and content[:3] in ("-> ", "=> "):
                member.type = tarfile.SYMTYPE if content[0] == "-" else tarfile.LNKTYPE
                member.linkname = content[3:]
            else:
                content = content.encode() if isinstance(content, str) else content
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
                continue
            archive.addfile(member)
    return buffer.getvalue()


def request(line, *headers):
    return "\r\n".join([line, "Host: x", *headers]) + "\r\n\r\n"


def head():
    return [request("GET /_ping HTTP/1.1"), request("HEAD /_ping HTTP/1.0", "Connection: keep-alive"),
            request("POST /v1.41/containers/create?name=a HTTP/1.1", "Content-Type: application/json", "Content-Length: 19"),
            request("POST /build HTTP/1.1", "Transfer-Encoding: chunked", "Expect: 100-continue", "Content-Type: application/x-tar"),
            request("POST /exec/a/start HTTP/1.1", "Connection: Upgrade", "Upgrade: tcp", "Content-Length: 0"),
            request("POST /images/create?fromImage=a HTTP/1.1", "X-Registry-Auth: e30=", "Content-Length: 0"),
            request("GET / HTTP/1.1", "Content-Length: 1", "Transfer-Encoding: chunked"), request("GET / HTTP/1.1", "A: b\r\n c"),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
            "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"]


def chunks():
    return [piece + text for piece in "\0\3\x7f" for text in
            ("0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "1;name=value\r\na\r\n000\r\nTrailer: x\r\n\r\n", "ffffffffffffffff\r\n", "5\r\nhel", "5\nhello\n0\n\n", "2 \r\nab\r\n0\r\n\r\n")]


def request_oracle():
    post = "POST /build HTTP/1.1"
    return [*head(), *(request(post, "Transfer-Encoding: chunked") + text[1:] for text in chunks()), request(post, "Content-Length: 5") + "hello, and more", request(post, "Content-Length: 5") + "hel",
            request("GET / HTTP/1.1", "Connection: x, close", "Connection: Upgrade", "Upgrade: tcp", "upgrade: h2c"), "GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: x\r\n\r\n",
            request(post, "Content-Length: 5", "Content-Length: 3") + "hello", request(post, "Content-Length: 5, 5") + "hello", request(post, "Content-Length: +5") + "hello",
            request(post, "Transfer-Encoding: chunked", "Content-Length: 5") + "5\r\nhello\r\n0\r\n\r\n", request(post, "Transfer-Encoding: gzip, chunked") + "0\r\n\r\n",
            request(post, "Transfer-Encoding: chunked") + "0\r\nA: b\r\nContent-Length: 5\r\n\r\n", request("GET / HTTP/1.0", "Connection: close, keep-alive"), request("GET / HTTP/1.1", "Proxy-Connection: close"), request("GET / HTTP/1.1", 'Connection: "a, close, b"', "A:", "a: \t b \t")]


def response_oracle():
    heads = ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nA: b\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nto the end",
             "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nraw", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n", "HTTP/1.1 500 \r\nConnection: close\r\n\r\nx",
             "HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n"]
    return [way + text for way in "\0\1" for text in heads]


def target():
    return ["GET /_ping", "GET /v1.47/containers/json?all=1&limit=3&filters=%7B%22label%22%3A%7B%22a%22%3Atrue%7D%7D", "POST /v1.41/containers/create?name=web&platform=linux",
            "DELETE /containers/db?force=true&v=1", f"GET /containers/{ID}/logs?stdout=1&follow=true&tail=all&since=12", "POST /images/create?fromImage=ghcr.io%2Fa%2Fb&tag=1",
            "GET /images/registry:5000/a/b:c/json", "DELETE /images/app@sha256:" + ID, "PUT /containers/a/archive?path=%2Ftmp&noOverwriteDirNonDir=1",
            "POST /build?t=app&dockerfile=d&buildargs=%7B%7D&nocache=1&t=b", "GET /events?since=1&until=2", "GET /containers/../info", "GET //info", "GET /containers/a%2fb/json",
            "POST /v1.23/containers/a/start", "POST /v1.999/containers/a/start", "GET /networks/back?verbose=false&scope=local", "POST /swarm/init", "a=b&c=%20+d&a=e"]


def filters():
    return ['{"label":["a=b","c"]}', '{"label":{"a=b":true}}', '{"name":["^we.b$|[a-c]+"]}', '{"name":{"(a*)*b":true,"x":false}}', '{"dangling":["true"]}', '{"until":["24h"]}',
            '{"unknown":["a"]}', '{"label":"a"}', '{"id":[1]}', '{"id":[],"name":{"a":true}}', "{}", "null", '{"label!":["a"],"label":null}', '{"id":["\\u0061","a"]}']


def json_texts():
    return ["{}", "[]", "null", '"a"', '{"a":1,"b":[true,false,null],"c":{"d":"e"}}', '{"a":1,"a":2}', '{"a":1,"A":2}', '{"Ho\u017ftConfig":{}}', '{"\\u0061":1,"a":2}', "[" * 70 + "]" * 70,
            "1e999", "18446744073709551616", "-9223372036854775808", "1.0", '"\\ud800"', '"\\u0000"', "\ufeff{}", "{} {}", '{"a":"\U0001f980\\ud83e\\udd80"}', "1E2", "-0", "0.1e-3", "[1,2", '{"a":}']


def bodies():
    containers = ['{"Image":"alpine","Cmd":"ls","Env":["A=b"],"HostConfig":{"Binds":["data:/data:ro","/var/run/docker.sock:/var/run/docker.sock"],"NetworkMode":"back","Memory":1048576}}',
                  '{"Image":"alpine","HostConfig":{"Privileged":true}}', '{"Image":"alpine","HostConfig":{"PidMode":"host"}}', '{"Image":"alpine","HostConfig":{"IpcMode":"container:db"}}',
                  '{"Image":"alpine","Labels":{"berth.key":"x","a":"b"},"HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},"PublishAllPorts":true}}',
                  '{"Image":"alpine","HostConfig":{"Mounts":[{"Type":"volume","Source":"data","Target":"/d","VolumeOptions":{"Subpath":"a"}},{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":1}}]}}',
                  '{"Image":"alpine","HostConfig":{"Mounts":[{"Type":"bind","Source":"/","Target":"/host"}]}}', '{"Image":"alpine","HostConfig":{"SecurityOpt":["no-new-privileges","seccomp=unconfined"],"CapAdd":["SYS_ADMIN"]}}',
                  '{"Image":"alpine","HostConfig":{"Devices":[{"PathOnHost":"/dev/sda","PathInContainer":"/dev/sda","CgroupPermissions":"rwm"}],"MaskedPaths":[]}}',
                  '{"Image":"alpine","NetworkingConfig":{"EndpointsConfig":{"back":{"Aliases":["a"],"IPAMConfig":{"IPv4Address":"10.0.0.2"},"Links":["db:d"]}}},"Healthcheck":{"Test":["CMD","true"],"Interval":1}}',
                  '{"Image":"alpine","HostConfig":{"VolumesFrom":["db:ro"],"LogConfig":{"Type":"json-file","Config":{"max-size":"1g"}},"RestartPolicy":{"Name":"always"},"Ulimits":[{"Name":"nofile","Soft":1,"Hard":2}]}}',
                  '{"Image":"alpine","HostConfig":{"Tmpfs":{"/t":"size=1m,exec"},"Sysctls":{"net.ipv4.ip_forward":"1"},"ExtraHosts":["h:host-gateway"],"GroupAdd":["0"],"UsernsMode":"host","CgroupnsMode":"host"}}']
    return ([f"0{profile}{body}" for profile in "01" for body in containers] +
            ['10{"Memory":1048576,"RestartPolicy":{"Name":"always"},"CpuShares":5}', '20{"Env":["A=b"],"Labels":{"berth.key":"x"},"Cmd":["a"]}', '30{"Cmd":["ls"],"User":"root","Privileged":false,"Env":["A=b"],"Tty":true}', '30{"Cmd":["ls"],"Privileged":true}',
             '40{"Name":"front","Driver":"bridge","IPAM":{"Config":[{"Subnet":"10.1.0.0/24","Gateway":"10.1.0.1"}]},"Options":{"com.docker.network.bridge.name":"x"},"Labels":{"a":"b"},"Internal":true}',
             '50{"Container":"db","EndpointConfig":{"Aliases":["x"]}}', '60{"Container":"db","Force":true}', '70{"Name":"v","Driver":"local","DriverOpts":{"type":"tmpfs","device":"tmpfs","o":"size=1m"},"Labels":{"a":"b"}}', '70{"DriverOpts":{"type":"none","o":"bind","device":"/"}}',
             '80{"Detach":true,"Tty":false,"ConsoleSize":[1,2]}', '90{"username":"a","password":"b","serveraddress":"c"}'])


def views():
    return [bytes((engine, view)) + change for engine in (0, 1) for view in range(13) for change in (b"", b"\0\5\0\0\x20\7", b"\1\0\1\0\x33\6\0\x11\3")]


def reference():
    return ["busybox", "busybox:1.36", "docker.io/library/busybox:latest", "ghcr.io/a/b/c:v1@sha256:" + ID, "localhost/a", "registry:5000/a:b", "[::1]:5000/a", ID, "sha256:" + ID, "a@sha256:" + ID,
            "UPPER/case", "a//b", "web", "/web", "my_web-1.2", "a~b", "berth.abcdefghijklmnopqrstuvwxyz.web", "berth.zzzzzzzzzzzzzzzzzzzzzzzz77/docker.io/library/app:1", "abcdef012345", ".a", "-a"]


def dockerfile():
    return ["FROM busybox\nRUN echo hi\n", "# syntax=docker/dockerfile:1\nFROM a AS b\nFROM b\nCOPY --from=c:1 /x /y\n", "ARG BASE=alpine\nFROM ${BASE}:3 as x\nCOPY --from=0 a b\nCOPY --chown=1:1 --from=$BASE a b\n",
            "# escape=`\nFROM a `\n  AS b\n", "FROM --platform=linux/amd64 a\\\n:1\n", "FROM scratch\nADD rootfs.tar /\n", "FROM a\nRUN <<EOF\nFROM b\nEOF\n", "from A\ncopy --from=B x y", "FROM ${UNSET:-x}\n", "ARG A\nFROM $A\n", "\ufeffFROM a\n",
            "FROM a\nONBUILD COPY --from=b x y\n", "FROM a AS s\nENV A=1 B=$A\nONBUILD COPY --from=0 x y\nONBUILD ENV A=$A$B\nFROM s\nENV C=${A//x/y} D=\"$B $C\"\n", "FROM a # not a comment\n", "COPY --from=b x y", "FROM \"a\"\n", "FROM a\n\\\n\n# c\nCOPY --from=b \\\n# c\n x y\n"]


def rules():
    return ['[profile.ci]\nextends = "strict"\nlimits.container.memory_max = "2GiB"\nlimits.job = { memory = "4GiB", cpus = 1.5, pids = 2000 }\nimages.registries = ["docker.io/library/*"]\n',
            '[profile.a]\nmode = "observe"\ncapabilities.allowed = ["NET_ADMIN"]\nenv.forced = { A = "b" }\n[[select]]\nlabels = { project = "a/*", fork = "true" }\nprofile = "a"\n', "[profile.default]\nstop.timeout_max = \"30s\"\nhealthcheck.interval_min = \"500ms\"\n",
            "[profile.a]\nextends = \"b\"\n[profile.b]\nextends = \"a\"\n", "[profile.a]\nprivilegd = true\n", "[profile.\"a b\"]\nports.range = \"1-2\"\n", "x = 1\n", "[profile.a", '[profile.a]\nendpoints.closed = ["image.push", "container.archive_*"]\napi.version_max = "1.41"\n', "# only a comment\n", "[[select]]\nprofile = \"none\"\n"]


def packed(data):
    return [data, gzip.compress(data, mtime=0), bz2.compress(data), lzma.compress(data)]


def context():
    plain = tar_of([("Dockerfile", "FROM busybox\n"), ("src/", None), ("src/a.c", "int main;\n")])
    return [*packed(plain), tar_of([("./Dockerfile", "FROM a\n"), ("Dockerfile", "FROM b\n"), ("x", "-> Dockerfile"), ("y", "=> Dockerfile")]), tar_of([("Dockerfile", "-> /etc/passwd")]),
            tar_of([("a/../Dockerfile", "FROM c\n"), ("dockerfile", "FROM d\n"), ("n" * 200, "long"), ("ü", "name")], tarfile.GNU_FORMAT), tar_of([]), tar_of([("Dockerfile/", None), ("Dockerfile", "FROM a")]), plain[:700]]


def images(tags=("app:1",)):
    layer = tar_of([("etc/a", "b")])
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
    name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": name, "RepoTags": list(tags), "Layers": ["l/layer.tar"]}])
    return [(name, config), ("l/", None), ("l/layer.tar", layer), ("manifest.json", manifest)]


def image_archive():
    whole = images()
    return [*packed(tar_of(whole)), tar_of(images(())), tar_of(whole[:2] + whole[3:]), tar_of([*whole[:3], ("m", whole[3][1]), ("manifest.json", "-> m")]), tar_of([*whole[:2], ("x/layer.tar", whole[2][1]), ("l/layer.tar", "-> ../x/layer.tar"), whole[3]]),
            tar_of([*whole[:2], ("l/layer.tar", gzip.compress(whole[2][1], mtime=0)), whole[3]]), tar_of([("manifest.json", "[]")]), tar_of([("manifest.json", "{")])]


def tar_filter():
    return [piece + each for piece in (b"\0", b"\x49") for each in (tar_of(images()), tar_of([*images(), ("repositories", "{}"), ("n" * 180, "x" * 600)]), tar_of([("manifest.json", "[]" * 300)], tarfile.GNU_FORMAT), tar_of([])[:700])]


def raw_tar(*headers):
    """A tar of (name, type, content, pax records): what the module would not write."""
    blocks = b""
    for name, kind, content, records in headers:
        if records:
            text = b"".join(record(key, value) for key, value in records)
            blocks += tar_block("PaxHeaders/x", b"x", len(text)) + text + bytes(-len(text) % 512)
        blocks += tar_block(name, kind, len(content)) + content + bytes(-len(content) % 512)
    return blocks + bytes(1024)


def record(key, value):
    """A pax record, which begins with its own length."""
    rest = len(f" {key}={value}\n".encode())
    length = next(each for each in range(rest, rest + 8) if len(str(each)) + rest == each)
    return f"{length} {key}={value}\n".encode()


def tar_block(name, kind, size):
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.USTAR_FORMAT)


def odd_tars(name):
    """What readers could take for different archives, around a file of that name."""
    return [raw_tar(("x", b"0", b"long", [("path", name)])), raw_tar((name, b"0", b"long", [("path", "x")])), raw_tar((name, b"0", b"", [("size", "5")]), ("y", b"0", b"y", [])), raw_tar((name, b"0", b"a", [("GNU.sparse.name", "x"), ("GNU.sparse.size", "1")])),
            raw_tar(("x", b"0", b"a", [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", name), ("GNU.sparse.realsize", "9")])), raw_tar(("@", b"L", name.encode() + b"\0", []), ("x", b"0", b"hidden", [])),
            raw_tar(("g", b"g", record("path", name), []), ("x", b"0", b"hidden", [])), raw_tar((name, b"7", b"hidden", [])), raw_tar((name, b"5", b"a", []), ("y", b"0", b"y", [])), raw_tar(("x", b"1", b"a", [("linkpath", name)]), ("y", b"0", b"y", [])),
            raw_tar(("x", b"0", b"a", [("SCHILY.realsize", "3"), ("hdrcharset", "BINARY")])), raw_tar((name, b"0", b"one", [])) + raw_tar((name, b"0", b"two", [])), raw_tar(("./" + name, b"0", b"dot", []), (name + "/", b"0", b"slash", [])),
            raw_tar((name, b"2", b"", [("linkpath", "x")]), ("x", b"0", b"behind it", [])), raw_tar((name, b"0", b"a", [("path", ""), ("SCHILY.xattr.user.a", "b")]), ("d", b"3", b"", []), ("e", b"6", b"", []))]


def context_oracle():
    return [way + each for way in (b"\0", b"\1") for each in context() + odd_tars("Dockerfile")]


def images_oracle():
    first, second = images(("a:1", "b:2")), images(())
    twice = json.dumps([json.loads(first[3][1])[0], {**json.loads(second[3][1])[0], "Layers": ["x/layer.tar"]}])
    return [way + each for way in (b"\0", b"\1") for each in [*image_archive(), tar_of([*first[:3], ("x/layer.tar", first[2][1]), ("manifest.json", twice)]), tar_of([*first[:2], ("l/layer.tar", "other"), *first[2:]])]]


def filter_oracle():
    whole = [tar_of(images()), tar_of([*images(), ("n" * 180, "x" * 600), ("l", "-> layer.tar"), ("h", "=> layer.tar")]), tar_of([("manifest.json", "[]" * 300)], tarfile.USTAR_FORMAT), tar_of([])]
    return [way + each for way in (b"\0", b"\1") for each in whole + odd_tars("manifest.json")]


def varint(number):
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def proto(*fields):
    """A message of (number, value): texts, bytes, numbers; a dictionary is a map, a tuple a message."""
    message = b""
    for number, value in fields:
        if isinstance(value, dict):
            for pair in value.items():
                message += proto((number, ((1, pair[0]), (2, pair[1]))))
            continue
        if isinstance(value, int):
            message += varint(number << 3) + varint(value)
            continue
        value = proto(*value) if isinstance(value, tuple) else value.encode() if isinstance(value, str) else value
        message += varint(number << 3 | 2) + varint(len(value)) + value
    return message


def solve():
    plain = [(1, "ref1"), (5, "session1"), (6, "dockerfile.v0")]
    attributes = {"filename": "Dockerfile", "build-arg:A": "b", "context:base": "docker-image://alpine", "label:a": "b", "add-hosts": "h=host-gateway", "ulimit": "nofile=1:2", "shm-size": "1024",
                  "force-network-mode": "none", "local-sessionid:context": "s", "image-resolve-mode": "pull"}
    image = ((1, "moby"), (2, {"name": "app:1,b", "push": "false", "compression": "gzip"}))
    policy = ((1, 1), (2, ((1, 0), (2, ((1, "*"), (2, 2))), (3, ((1, "docker-image://x"),)))))
    asked = [plain, [*plain, (7, attributes), (13, image), (3, "moby"), (4, {"name": "app:1,b", "push": "false", "compression": "gzip"})], [*plain, (13, ((1, "local"),)), (13, ((1, "tar"),)), (8, ((4, ((1, "inline"),)), (5, ((1, "registry"), (2, {"ref": "a"})))))],
             plain[:2], [*plain, (12, policy)], [*plain, (9, "network.host")], [*plain, (2, ((1, b"\x0a\x00"),))], [*plain, (10, {"base": b""})], [*plain, (14, 1)], [*plain, (15, "x"), (16, 1), (17, 1)], [*plain, (3, "image"), (4, {"name": "a"})], [*plain, (7, {"source": "x", "cmdline": "y"})]]
    bridge = [[(2, "dockerfile.v0"), (3, attributes), (5, 1), (6, 1), (10, 1), (11, b"{}"), (14, 1)], [(2, "dockerfile.v0"), (12, ((1, "registry"),)), (15, ((1, 1),))], [(2, "gateway.v0"), (3, {"source": "x"})], [(1, b""), (2, "dockerfile.v0"), (13, {"a": b""}), (15, policy)]]
    return [b"\0" + proto(*each) for each in asked] + [b"\1" + proto(*each) for each in bridge]


def sources():
    images = ["docker.io/library/busybox:latest", "ghcr.io/a/b:1@sha256:" + ID, "busybox", "registry:5000/a@sha256:" + ID]
    return ["docker-image://" + each for each in images] + [f'failed to solve: source "{each}" denied by policy: x' for each in ["docker-image://alpine", "https://a/b", "", 'x" denied by policy', 'source "y']] + ['source " denied by policy']


def session():
    prefix = "X-Docker-Expose-Session-"
    return [prefix + "Uuid: abc\n" + prefix.lower() + "name: a b\n" + prefix + "Sharedkey: k\n" + prefix + "Grpc-Method: /moby.filesync.v1.FileSync/DiffCopy\n", prefix + "Uuid: a:b\n", prefix + "Uuid: a\n" + prefix + "UUID: b\n", "Host: x\n"]


def http2():
    def frame(kind, flags, stream, payload=b""):
        return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload

    def literal(*fields):
        return b"".join(b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value for name, value in fields)

    request_head = literal((b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a.B/C"), (b":authority", b"x"), (b"content-type", b"application/grpc"), (b"te", b"trailers"))
    answer_head, status = b"\x88" + literal((b"content-type", b"application/grpc")), literal((b"grpc-status", b"5"), (b"grpc-message", b"no%20such"), (b"grpc-status-details-bin", b"aGk"))
    hello, settings, window = b"\0\0\0\0\5hello", frame(4, 0, 0, b"\0\4\0\1\0\0"), frame(8, 0, 0, b"\0\1\0\0")
    client = [settings + frame(4, 1, 0) + frame(1, 4, 1, request_head) + frame(0, 0, 1, hello[:7]) + frame(0, 1, 1, hello[7:]), settings + frame(1, 5, 1, request_head) + frame(1, 5, 3, request_head), settings + frame(1, 4, 1, request_head) + frame(3, 0, 1, b"\0\0\0\x08"),
              settings + frame(1, 0, 1, request_head[:20]) + frame(9, 4, 1, request_head[20:]) + frame(0, 0, 1, hello) + frame(1, 5, 1, literal((b"a", b"b"))), settings + window + frame(6, 0, 0, bytes(8)) + frame(7, 0, 0, bytes(8)), settings + frame(1, 4, 1, request_head + literal(*[(b"x", b"y")] * 120)),
              frame(4, 0, 0, b"\0\4\0\0\0\0") + frame(1, 5, 1, request_head) + frame(8, 0, 1, b"\0\0\0\5"), settings + frame(0, 1, 1, hello), b"GET / HTTP/1.1\r\n\r\n", settings + frame(1, 4, 1, request_head) + frame(0, 1, 1, b"\1" + hello[1:])]
    server = [settings + frame(4, 1, 0) + frame(1, 4, 1, answer_head) + frame(0, 0, 1, hello + hello[:3]) + frame(0, 0, 1, hello[3:]) + frame(1, 5, 1, status), settings + frame(1, 5, 1, answer_head + status) + frame(1, 5, 3, answer_head + status), settings + frame(3, 0, 1, b"\0\0\0\7") + frame(7, 0, 0, bytes(8)),
              settings + frame(1, 4, 1, b"\x08\x03103") + frame(1, 4, 1, answer_head) + frame(0, 1, 1), settings + frame(5, 4, 1, b"\0\0\0\2" + request_head), frame(4, 0, 0, b"\0\3\0\0\0\1") + frame(8, 0, 1, b"\x7f\xff\xff\xff")]
    return [bytes((way, piece)) + each for piece in (0, 255) for way in (0, 2, 4, 6) for each in client] + [bytes((way, 255)) + each for way in (1, 3, 7) for each in server]


SEEDS = {"solve": solve, "sources": sources, "session": session, "http2": http2, "head": head, "chunks": chunks, "target": target, "filters": filters, "json": json_texts, "bodies": bodies, "views": views, "reference": reference, "dockerfile": dockerfile, "rules": rules,
         "context": context, "image_archive": image_archive, "tar_filter": tar_filter, "request_oracle": request_oracle, "response_oracle": response_oracle,
         "context_oracle": context_oracle, "images_oracle": images_oracle, "filter_oracle": filter_oracle}


def in_tables(pattern, expression):
    return sorted({word for file in (ROOT / "rules").glob(pattern) for word in re.findall(expression, file.read_text())})


def words(target):
    """The dictionary of a target."""
    fields = [f'"{word}"' for word in in_tables("bodies_*.cpp", r'\b(?:pass|check|rewrite|force|drop|deny|forbid)\("(\w+)"')]
    heads = ["Content-Length: ", "Transfer-Encoding: chunked", "Connection: Upgrade", "Upgrade: tcp", "Expect: 100-continue", "HTTP/1.1", "HTTP/1.0", "\r\n", "\r\n\r\n", "Host: ", "close", "keep-alive", "identity"]
    framing = ["\r\n", "0\r\n\r\n", "1\r\n", ";", "ffffffffffffffff"]
    both = [*heads, *framing, "Proxy-Connection: ", '=\"', "GET ", "POST ", "HTTP/1.1 200 ", "HTTP/1.1 204 "]
    return {"head": heads, "chunks": framing, "request_oracle": both, "response_oracle": both,
            "target": in_tables("endpoints.cpp", r'"(/[\w/{}]+)"') + in_tables("endpoints.cpp", r'\{"(\w+)", (?:text|boolean|integer|json)') + ["GET ", "POST ", "PUT ", "DELETE ", "HEAD ", "/v1.24/", "/v1.47/", "%2f", "%00", "..", "?", "&", "="],
            "filters": ['"label"', '"label!"', '"name"', '"id"', '"dangling"', '"until"', ":true", ":[", "\\\\", "(", ")*", "[^a-z]", "|", "^", "$"],
            "json": ['"', "\\u0000", "\\ud800", "\\udc00", "\\u017f", "\\u212a", "null", "true", "false", "1e308", "9223372036854775807", "{", "}", "[", "]", ":", ",", "\xc5\xbf"],
            "bodies": [*fields, '"host"', '"container:db"', '"/var/run/docker.sock"', '"no-new-privileges"', "true", "null", '"berth.key"', '"volume"', '"bind"', '"tmpfs"'],
            "reference": ["docker.io/", "library/", ":latest", "@sha256:", "localhost", ":5000/", "berth.", ID, "abcdefghijklmnopqrstuvwxyz"],
            "dockerfile": ["FROM ", "COPY --from=", "ARG ", " AS ", "ONBUILD ", "RUN ", "\\\n", "# escape=`\n", "${", "}", ":-", "<<EOF", "scratch", "--platform=", "# syntax=", "BASE", "UNSET"],
            "solve": [*in_tables("buildkit/*.cpp", r'\{"([a-z-]+:?[A-Z_]*)", [a-z_]+\}'), "moby", "image", "local", "tar", "inline", "name", "docker-image://", "https://", "host-gateway", "dockerfile.v0", "none", "bridge", "host", "berth."],
            "sources": ["docker-image://", 'source \"', '\" denied by policy', "docker.io/library/", ":latest", "@sha256:" + ID],
            "session": ["X-Docker-Expose-Session-", "uuid", "name", "sharedkey", "grpc-method", ": ", "\n", "/moby.filesync.v1.FileSync/DiffCopy", "/grpc.health.v1.Health/Check"],
            "http2": ["\0\0\0", "\0\0\x08", "\0\0\4", ":method", ":status", "POST", "grpc-status", "grpc-message", "te", "trailers"],
            "rules": [*in_tables("knobs.cpp", r'\{"([a-z_.]+)", &P::'), "[profile.", "]\n", " = ", '"', "extends", "[[select]]", "labels", "profile", "true", "[]", "GiB", "2h"],
            "tar_filter": ["ustar\0", "manifest.json", "repositories", "PaxHeaders", "9 size=5\n", "path="]}.get(target, ["ustar\0", "ustar  \0", "Dockerfile", "manifest.json", "path=", "size=", "linkpath=", "GNU.sparse.major=1", "GNU.sparse.name=", "SCHILY.realsize=", "SUN.holesdata=", "hdrcharset=BINARY"])


def main():
    target, folder, dictionary = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[target]()):
        (Path(folder) / f"{number:03}").write_bytes(seed if isinstance(seed, bytes) else seed.encode("utf-8", "surrogatepass"))
    quoted = ("".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in word.encode()) for word in words(target))
    Path(dictionary).write_text("".join(f'"{word}"\n' for word in quoted if word))


if __name__ == "__main__":
    main()
