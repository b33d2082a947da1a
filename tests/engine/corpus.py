"""What a hostile client sends: JSON bodies, framings and paths that two programs may read differently. The fake engine shows that nothing of
the refused ones reaches an engine, real engines show what they would make of them."""

import json


def request(method, target, body=None, *headers, content_type="application/json"):
    """The bytes of a request. `body`: bytes, something for JSON, or None."""
    lines = [f"{method} {target} HTTP/1.1", "Host: x", *headers]
    data = b""
    if body is not None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(data)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def chunked(*pieces):
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"


OK = '"Image":"busybox"'


def deep(levels):
    return '{"Image":"busybox","Env":' + "[" * levels + "]" * levels + "}"


def host(text):
    return '{"Image":"busybox","HostConfig":{' + text + "}}"


# Refused with this status, and nothing reaches the engine.
REFUSED_BODIES = [
    ("J-01 lower case", 400, '{"Image":"busybox","hostconfig":{"privileged":true}}'),
    ("J-01 upper case", 400, '{"Image":"busybox","HOSTCONFIG":{"Privileged":true}}'),
    ("J-01 mixed case", 400, '{"Image":"busybox","Hostconfig":{"Privileged":true}}'),
    ("J-01 inside", 400, host('"privileged":true')),
    ("J-01 upper case inside", 400, host('"PRIVILEGED":true')),
    ("J-01 a folded harmless key", 400, '{"image":"busybox"}'),
    ("J-02 long s", 400, '{"Image":"busybox","Ho\u017ftConfig":{"Privileged":true}}'),
    ("J-02 long s, escaped", 400, '{"Image":"busybox","Ho\\u017ftConfig":{"Privileged":true}}'),
    ("J-02 long s in Binds", 400, host('"Bind\u017f":["/:/host"]')),
    ("J-02 Kelvin sign", 400, host('"Networ\u212aMode":"host"')),
    ("J-02 Kelvin sign, escaped", 400, host('"Networ\\u212aMode":"host"')),
    ("J-03 labels twice, folded", 400, '{"Image":"busybox","Labels":{"a":"b"},"labels":{"berth.key":"x"}}'),
    ("J-03 labels emptied", 400, '{"Image":"busybox","Labels":{"a":"b"},"labels":null}'),
    ("J-04 the same key twice, merged", 400, '{"Image":"busybox","HostConfig":{"NetworkMode":"none"},"HostConfig":{"Privileged":true}}'),
    ("J3 the harmful one first", 400, '{"Image":"busybox","HostConfig":{"Privileged":true},"HostConfig":{}}'),
    ("J4 and reset", 400, '{"Image":"busybox","HostConfig":{"Privileged":true},"HostConfig":null}'),
    ("J-05 reset under a folded key", 400, '{"Image":"busybox","HostConfig":{"ReadonlyRootfs":true},"hostconfig":null}'),
    ("J2 merged under a folded key", 400, '{"Image":"busybox","HostConfig":{},"hostconfig":{"Privileged":true}}'),
    ("J5 a scalar twice", 400, host('"Privileged":false,"Privileged":true')),
    ("J-09 true, then null", 400, host('"Privileged":true,"Privileged":null')),
    ("J-06 slice elements that keep old fields", 400, host('"Mounts":[{"Type":"volume","Source":"/etc","Target":"/x"}],"mounts":[{"Type":"bind"}]')),
    ("J6 the same, spelled alike", 400, host('"Mounts":[{"Type":"bind","Source":"/etc","Target":"/x"}],"Mounts":[{"Target":"/h"}]')),
    ("J-06 devices", 400, host('"Devices":[{"PathOnHost":"/dev/sda"}],"devices":[{}]')),
    ("J-07 emptied in between", 400, host('"Mounts":[{"Type":"bind","Source":"/etc"}],"Mounts":[],"mounts":[{"Type":"volume"}]')),
    ("J-08 exact and folded", 400, host('"Privileged":false,"privileged":true')),
    ("J-08 folded and exact", 400, host('"privileged":true,"Privileged":false')),
    ("J-10 map values twice", 400, '{"Image":"busybox","Labels":{"a":"1","a":"2"}}'),
    ("J-10 endpoints twice", 400, '{"Image":"busybox","NetworkingConfig":{"EndpointsConfig":{"n":{"NetworkID":"V"},"n":{}}}}'),
    ("J-11 garbage behind", 400, "{" + OK + "} garbage"),
    ("J-11 a second value", 400, "{" + OK + '}{"HostConfig":{"Privileged":true}}'),
    ("J-12 a brace behind", 400, "{" + OK + "}}"),
    ("J-12 a bracket and more behind", 400, "{" + OK + '}]{"HostConfig":{"Privileged":true}}'),
    ("J-13 true as text", 400, host('"Privileged":"true"')),
    ("J17 true as number", 400, host('"Privileged":1')),
    ("J-13 a number as text", 400, host('"Memory":"1"')),
    ("J-13 a list for an object", 400, '{"Image":"busybox","HostConfig":[]}'),
    ("J-14 a fraction", 400, host('"Memory":1.0')),
    ("J-14 an exponent", 400, host('"Memory":1e9')),
    ("J-15 a lone surrogate in a value", 400, '{"Image":"busybox","Hostname":"\\ud800"}'),
    ("J-15 a lone low surrogate", 400, '{"Image":"busybox","Hostname":"\\udc00a"}'),
    ("J-15 invalid UTF-8 in a value", 400, b'{"Image":"busybox","Hostname":"\xff"}'),
    ("J-15 an overlong form", 400, b'{"Image":"busybox","Hostname":"\xc0\xaf"}'),
    ("J-15 a surrogate as UTF-8", 400, b'{"Image":"busybox","Hostname":"\xed\xa0\x80"}'),
    ("J-16 invalid UTF-8 in a key", 400, b'{"Image":"busybox","Host\xffConfig":{}}'),
    ("J-16 a NUL in a key", 400, '{"Image\\u0000":"busybox","Image":"busybox"}'),
    ("J16 a NUL in a value", 400, host('"Binds":["/tmp\\u0000/../etc:/x"]')),
    ("J16 a raw NUL", 400, b'{"Image":"busy\0box"}'),
    ("J-17 a byte-order mark", 400, "\ufeff{" + OK + "}"),
    ("J-17 a comment", 400, "{" + OK + "/* */}"),
    ("J-17 a line comment", 400, "{" + OK + "// x\n}"),
    ("J-17 a comma at the end", 400, "{" + OK + ",}"),
    ("J-17 single quotes", 400, "{'Image':'busybox'}"),
    ("J-17 a raw tab in a string", 400, '{"Image":"busy\tbox"}'),
    ("J-17 a raw line end in a string", 400, '{"Image":"busy\nbox"}'),
    ("J-17 an unknown escape", 400, '{"Image":"busybo\\x78"}'),
    ("J-18 100 levels", 400, deep(100)),
    ("J-18 9000 levels", 400, deep(9000)),
    ("J-18 a million levels", 400, deep(1000000)),
    ("J-18 a million levels of objects", 400, '{"a":' * 200000 + "1" + "}" * 200000),
    ("J-19 an embedded struct by its name", 403, '{"Image":"busybox","Config":{"Image":"y"}}'),
    ("J-19 and in HostConfig", 403, host('"Resources":{"Memory":1}')),
    ("J-20 null", 400, "null"),
    ("J-20 a list", 400, "[]"),
    ("J-20 a list of one", 400, '[{"Image":"busybox"}]'),
    ("J-20 a text", 400, '"busybox"'),
    ("J-20 a number", 400, "1"),
    ("J-20 nothing but blanks", 400, "   "),
    ("J-21 an escaped harmful key", 403, host('"Pri\\u0076ileged":true')),
    ("J-21 an escaped section", 403, '{"Image":"busybox","\\u0048ostConfig":{"Privileged":true}}'),
    ("J8 an escaped first letter", 403, host('"\\u0050rivileged":true')),
    ("J-22 beyond 64 bits", 400, host('"Memory":9223372036854775808')),
    ("J-22 far beyond 64 bits", 400, host('"Memory":' + "9" * 400)),
    ("J-22 a huge exponent", 400, host('"Memory":1e400')),
    ("J-22 a tiny exponent", 400, host('"Memory":1e-400')),
    ("J23 NaN", 400, host('"Memory":NaN')),
    ("J23 a leading zero", 400, host('"Memory":01')),
    ("J23 a plus", 400, host('"Memory":+1')),
    ("J23 hexadecimal", 400, host('"Memory":0x1')),
    ("J14 a harmful body behind 64 KiB of blanks", 403, " " * 65536 + host('"Privileged":true')),
    ("J14 behind 1.5 MiB of padding (CVE-2026-34040)", 403, '{"Image":"busybox","Env":["' + "x" * 1536 * 1024 + '"],"HostConfig":{"Privileged":true}}'),
    ("J14 a body of 5 MiB", 413, '{"Image":"busybox","Env":["' + "x" * 5 * 1024 * 1024 + '"],"HostConfig":{"Privileged":true}}'),
    ("P-01", 403, host('"Privileged":true')),
    ("P-02", 403, host('"CapAdd":["cap_sys_admin"]')),
    ("P-02 all", 403, host('"CapAdd":["all"]')),
    ("P-03", 403, host('"SecurityOpt":["apparmor=unconfined"]')),
    ("P-04", 403, host('"SecurityOpt":["seccomp:unconfined"]')),
    ("P-04 a bare word", 403, host('"SecurityOpt":["disable"]')),
    ("P-06", 403, host('"MaskedPaths":[],"ReadonlyPaths":[]')),
    ("P-07", 403, host('"Sysctls":{"kernel.core_pattern":"|/x"}')),
    ("P-08", 403, host('"Runtime":"io.containerd.runc.v2"')),
    ("P-13", 403, host('"Capabilities":["CAP_SYS_ADMIN"]')),
    ("F1", 403, host('"Mounts":[{"Type":"bind","Source":"/","Target":"/h"}]')),
    ("F2", 403, host('"Mounts":[{"Type":"volume","Target":"/h","VolumeOptions":{"DriverConfig":{"Name":"local","Options":'
                     '{"type":"none","o":"bind","device":"/etc"}}}}]')),
    ("F5 two slashes", 403, host('"Binds":["//etc:/x"]')),
    ("F5 dots", 403, host('"Binds":["/tmp/../etc:/x"]')),
    ("F8", 404, host('"PidMode":"container:victim"')),
    ("F8 host", 403, host('"PidMode":"host"')),
    ("F8 ipc", 403, host('"IpcMode":"host"')),
    ("F8 network", 403, host('"NetworkMode":"host"')),
    ("F10 devices", 403, host('"Devices":[{"PathOnHost":"/dev/sda","PathInContainer":"/dev/sda","CgroupPermissions":"rwm"}]')),
    ("F7", 404, host('"VolumesFrom":["victim"]')),
    ("F14 a parent of the socket", 403, host('"Binds":["/run:/x"]')),
    ("F14b", 403, host('"LogConfig":{"Type":"gelf","Config":{"gelf-address":"udp://10.0.0.1:1"}}')),
    ("F19 an image that the job does not have", 404, '{"Image":"victim/private"}'),
    ("an unknown field", 403, '{"Image":"busybox","Evil":true}'),
    ("an unknown field inside", 403, host('"Evil":{"a":1}')),
    ("J11 a dotted I", 400, host('"Pr\u0130vileged":true')),
    ("a full-width letter", 400, host('"\uff30rivileged":true')),
]

ACCEPTED_BODIES = [
    ("plain", "{" + OK + "}"),
    ("blanks around", " \r\n\t{" + OK + "} \r\n\t"),
    ("J-21 escaped harmless keys", '{"\\u0049mage":"busybox","\\u0048ostConfig":{}}'),
    ("F13 no labels", '{"Image":"busybox","Labels":null,"HostConfig":null,"NetworkingConfig":null}'),
    ("unknown fields with a zero value", '{"Image":"busybox","Evil":false,"Bad":null,"No":0,"Nope":"","None":[],"Nil":{}}'),
    ("zero values of what is closed", host('"Privileged":false,"CapAdd":null,"Devices":[],"Runtime":"","SecurityOpt":[],"MaskedPaths":null,"PidMode":""')),
    ("J-15 a surrogate pair", '{"Image":"busybox","Domainname":"\\ud83d\\ude00"}'),
    ("J25 a command as text", '{"Image":"busybox","Cmd":"sh -c x","Entrypoint":"x"}'),
    ("-0", host('"Memory":-0')),
    ("J-36 own labels", '{"Image":"busybox","Labels":{"berth.key":"x","Berth.Job":"y","BERTH.PROFILE":"z"," berth.key ":"w"}}'),
    ("P-09 annotations", host('"Annotations":{"org.systemd.property.DeviceAllow":"x"}')),
    ("P-10 user namespace", host('"UsernsMode":"host"')),
    ("R-04 cgroup parent", host('"CgroupParent":"/"')),
]

# Texts that the engine takes apart, each as the whole of one field.
PORTS = ["80", "80/tcp", "080/tcp", "80/TCP", "80/", "/80", "80/tcp/udp", "80-81/tcp", "80-/tcp", "+80", " 80"]
MODES = ["container:base", "container: base", "container:base ", "container:base:x", "container:", "Container:base", "container=base", "none", "None"]
CUT_TEXTS = {
    "ExtraHosts": [[each] for each in ("a:1.2.3.4", "a=b:1.2.3.4", "a=1.2.3.4", "a:host-gateway", "a=b:host-gateway", "a=host-gateway", "a:b=host-gateway", ":host-gateway",
                                       "a:", "a: 1.2.3.4", "a:1.2.3.4 ", "a: host-gateway", "a:HOST-GATEWAY", "a:::1", "a:[::1]", "a:01.2.3.4", "a b:1.2.3.4", "a\n1.2.3.4 c:1.2.3.4")],
    "Env": [[each] for each in ("A=b=c", "A", "A=", "=x", "", "A =b", " A=b", "A\n=b", "A\t=b=")],
    "Binds": [[each] for each in ("/only", "only", "cut:/x", "cut:/x:ro", "cut:/x:", "cut:/x:ro,rw", "cut:/x:ro,ro", "cut:/x:ro,", "cut:/x:ro,nocopy", "cut:/x:ro, nocopy", "cut:/x:RO",
                                  "cut:/x,ro", "cut:/x:ro:z", "cut:x", "cut:ro", " cut:/x", "cut: /x", ":/x", "cut:", "cut:/x=y:ro", "cut=/x:ro")],
    "VolumesFrom": [[each] for each in ("base", "base:ro", "base:rw", "base:", "base:ro,z", "base :ro", "base: ro", ":ro", "base:ro:rw")],
    "SecurityOpt": [[each] for each in ("no-new-privileges", "no-new-privileges:true", "no-new-privileges=true", "no-new-privileges=TRUE", "no-new-privileges=1", " no-new-privileges",
                                        "no-new-privileges:true=x", "no-new-privileges=true:x", "No-New-Privileges")],
    "PortBindings": [{each: [{"HostPort": ""}]} for each in PORTS] + [{"80/tcp": [{"HostPort": each}]} for each in ("08080", "9000-9001", "9000/tcp", " 9000", "9000-", "+9000", "0")],
    "ExposedPorts": [{each: {}} for each in PORTS],
    "Tmpfs": [{"/t": each} for each in ("size=1m", "size=1.5m", "size=010k", "size=1m,size=2m", "mode=0755,size=1m", "noexec,,size=1m", "size=1m,", "size", "size =1m", "size= 1m", "SIZE=1m", "size=1m=2")],
    "LogConfig": [{"Type": "json-file", "Config": {"max-size": each, "max-file": "2"}} for each in ("1m", "1 m", "1.5m", "010k", "1mib", "1e3", " 1m", "1m ")]
                 + [{"Type": each, "Config": {}} for each in ("none", "None", " none", "none ")],
    "RestartPolicy": [{"Name": each, "MaximumRetryCount": 0} for each in ("no", "No", "on-failure:3", " no", "unless-stopped ")],
    "Ulimits": [[{"Name": each, "Soft": 64, "Hard": 64}] for each in ("nofile", "NOFILE", "nofile ", "nofile=64", "RLIMIT_NOFILE")],
    "Dns": [[each] for each in ("1.2.3.4", " 1.2.3.4", "1.2.3.4 ", "::1", "1.2.3.4\noptions x", "1.2.3.4,5.6.7.8")],
    "DnsSearch": [[each] for each in ("a.b", "a.b c.d", "a.b\nnameserver 1.2.3.4")],
    "IpcMode": MODES, "PidMode": MODES[:-2], "NetworkMode": MODES,
    "User": ["1000", "1000:0", "1000:0:0", " 1000", "1000 :0", "root:"],
    "Sysctls": [{each: "1"} for each in ("net.ipv4.ip_forward", "net/ipv4/ip_forward", " net.ipv4.ip_forward", "net.ipv4.ip_forward=1", "NET.ipv4.ip_forward")],
    "CapAdd": [[each] for each in ("CHOWN", "cap_chown", "CAP_CHOWN ", " CHOWN", "CAP_CAP_CHOWN", "CHOWN,SYS_ADMIN")],
}
TOP_LEVEL = {"Env", "ExposedPorts", "User"}  # the others are HostConfig's


CREATE = "POST /containers/create HTTP/1.1"
BODY = b'{"Image":"busybox"}'
CHUNKED = chunked(BODY)
LENGTH = b"Content-Length: %d" % len(BODY)
# What a request that is misread would let through behind itself.
SMUGGLED = request("DELETE", "/containers/base?force=1")


def raw(line, *headers, body=b"", host=True):
    """A request with exactly these header lines."""
    lines = [line, *(["Host: x"] if host else []), *headers]
    return b"\r\n".join(each if isinstance(each, bytes) else each.encode() for each in lines) + b"\r\n\r\n" + body


def create(*headers, body=BODY, line=CREATE):
    return raw(line, "Content-Type: application/json", *headers, body=body)


TE = "Transfer-Encoding: chunked"
PING = "GET /_ping HTTP/1.1"

REFUSED_FRAMINGS = [
    # name, status, bytes
    ("a length and chunks", 400, create(LENGTH, TE, body=CHUNKED)),
    ("chunks and a length", 400, create(TE, LENGTH, body=CHUNKED)),
    ("length 0 and a chunked body (CVE-2024-41110)", 400, create("Content-Length: 0", TE, body=CHUNKED)),
    ("an unreadable length and a chunked body", 400, create("Content-Length: zz", TE, body=CHUNKED)),
    ("two equal lengths", 400, create(LENGTH, LENGTH)),
    ("two different lengths", 400, create("Content-Length: 0", LENGTH)),
    ("a list of lengths", 400, create("Content-Length: 19, 19")),
    ("a length with a sign", 400, create("Content-Length: +19")),
    ("a negative length", 400, create("Content-Length: -1")),
    ("a hexadecimal length", 400, create("Content-Length: 0x13")),
    ("an empty length", 400, create("Content-Length:")),
    ("a length with a blank", 400, create("Content-Length: 1 9")),
    ("a length with a fraction", 400, create("Content-Length: 19.0")),
    ("a length beyond 64 bits", 400, create("Content-Length: 18446744073709551635")),
    ("chunked in capitals", 400, create("Transfer-Encoding: CHUNKED", body=CHUNKED)),
    ("chunked with a capital", 400, create("Transfer-Encoding: Chunked", body=CHUNKED)),
    ("chunked with another header's fold", 400, create("Transfer-Encoding:\r\n chunked", body=CHUNKED)),
    ("an unknown coding", 400, create("Transfer-Encoding: xchunked", body=CHUNKED)),
    ("two codings", 400, create("Transfer-Encoding: gzip, chunked", body=CHUNKED)),
    ("chunked twice", 400, create("Transfer-Encoding: chunked, chunked", body=CHUNKED)),
    ("two coding headers", 400, create(TE, TE, body=CHUNKED)),
    ("identity", 400, create("Transfer-Encoding: identity", LENGTH)),
    ("an empty coding", 400, create("Transfer-Encoding:", LENGTH)),
    ("a vertical tab before chunked", 400, create("Transfer-Encoding: \x0bchunked", body=CHUNKED)),
    ("a blank before the colon", 400, create("Transfer-Encoding : chunked", body=CHUNKED)),
    ("a tab before the colon", 400, create("Content-Length\t: 19")),
    ("chunks in HTTP/1.0", 400, create(TE, line=CREATE[:-1] + "0", body=CHUNKED)),
    ("a body in HTTP/1.0", 400, create(LENGTH, line=CREATE[:-1] + "0")),
    ("bare LF everywhere", 400, create(LENGTH).replace(b"\r\n", b"\n")),
    ("a bare LF in the head", 400, raw(PING, "A: b\nC: d")),
    ("a bare LF behind the request line", 400, raw(PING + "\nA: b")),
    ("a folded header", 400, raw(PING, "A: b\r\n c")),
    ("a folded length", 400, create("Content-Length:\r\n 19")),
    ("a bare CR in a value", 400, raw(PING, "A: b\rc")),
    ("a bare CR before the name", 400, raw(PING, "\rA: b")),
    ("a NUL in a value", 400, raw(PING, "A: b\0c")),
    ("a DEL in a value", 400, raw(PING, "A: b\x7fc")),
    ("no Host", 400, raw(PING, host=False)),
    ("two Hosts", 400, raw(PING, "Host: y")),
    ("a header without a colon", 400, raw(PING, "Abc")),
    ("a header without a name", 400, raw(PING, ": b")),
    ("a blank in a header's name", 400, raw(PING, "A b: c")),
    ("a non-ASCII header name", 400, raw(PING, "Ä: c")),
    ("two blanks in the request line", 400, raw("GET  /_ping HTTP/1.1")),
    ("two blanks before the version", 400, raw("GET /_ping  HTTP/1.1")),
    ("a blank before the method", 400, raw(" GET /_ping HTTP/1.1")),
    ("a blank behind the version", 400, raw("GET /_ping HTTP/1.1 ")),
    ("tabs in the request line", 400, raw("GET\t/_ping\tHTTP/1.1")),
    ("a blank in the target", 400, raw("GET /_ping ?a HTTP/1.1")),
    ("a control character in the target", 400, raw("GET /_ping\x01 HTTP/1.1")),
    ("a NUL in the target", 400, raw("GET /_ping\0 HTTP/1.1")),
    ("a byte above ASCII in the target", 400, raw("GET /_ping\u00e9 HTTP/1.1")),
    ("an empty line before the request", 400, b"\r\n" + raw(PING)),
    ("an empty line alone", 400, b"\r\n\r\n"),
    ("a method in lower case", 400, raw("get /_ping HTTP/1.1")),
    ("a method with a digit", 400, raw("GE7 /_ping HTTP/1.1")),
    ("no target", 400, raw("GET HTTP/1.1")),
    ("no version", 400, raw("GET /_ping")),
    ("HTTP/1.9", 505, raw("GET /_ping HTTP/1.9")),
    ("HTTP/2.0", 505, raw("GET /_ping HTTP/2.0")),
    ("HTTP/11", 505, raw("GET /_ping HTTP/11")),
    ("http/1.1", 505, raw("GET /_ping http/1.1")),
    ("the preface of HTTP/2", 505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
    ("a TLS hello", 400, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n"),
    ("a GET with a body", 400, raw("GET /containers/json HTTP/1.1", LENGTH, body=BODY)),
    ("a GET with chunks", 400, raw("GET /containers/json HTTP/1.1", TE, body=CHUNKED)),
    ("a HEAD with a body", 400, raw("HEAD /_ping HTTP/1.1", LENGTH, body=BODY)),
    ("a DELETE with a body", 400, raw("DELETE /containers/x HTTP/1.1", LENGTH, body=BODY)),
    ("chunks where none belong", 400, raw("POST /containers/base/start HTTP/1.1", TE, body=CHUNKED)),
    ("an expectation that nobody knows", 417, create("Expect: 200-ok", LENGTH)),
    ("two content types", 400, create("Content-Type: text/plain", LENGTH)),
    ("101 headers", 431, raw(PING, *[f"A{n}: b" for n in range(100)])),
    ("a head of 33 KiB", 431, raw(PING, "A: " + "b" * 33 * 1024)),
    ("a request line of 33 KiB", 431, raw("GET /" + "b" * 33 * 1024 + " HTTP/1.1")),
    ("a head that never ends", 431, b"GET /_ping HTTP/1.1\r\n" + b"A: b\r\n" * 8000),
    ("bare LF in chunks", 400, create(TE, body=CHUNKED.replace(b"\r\n", b"\n"))),
    ("a bare LF behind a chunk", 400, create(TE, body=b"13\r\n" + BODY + b"\n0\r\n\r\n")),
    ("a chunk that is longer than it says", 400, create(TE, body=b"12\r\n" + BODY + b"\r\n0\r\n\r\n")),
    ("a chunk size with 0x", 400, create(TE, body=b"0x13\r\n" + BODY + b"\r\n0\r\n\r\n")),
    ("a chunk size with a sign", 400, create(TE, body=b"+13\r\n" + BODY + b"\r\n0\r\n\r\n")),
    ("a negative chunk size", 400, create(TE, body=b"-13\r\n" + BODY + b"\r\n0\r\n\r\n")),
    ("a chunk size that is no number", 400, create(TE, body=b"xyz\r\n" + BODY + b"\r\n0\r\n\r\n")),
    ("an empty chunk size", 400, create(TE, body=b"\r\n" + BODY + b"\r\n0\r\n\r\n")),
    ("a blank before a chunk size", 400, create(TE, body=b" 13\r\n" + BODY + b"\r\n0\r\n\r\n")),
    ("a chunk size beyond 64 bits", 400, create(TE, body=b"10000000000000013\r\n" + BODY + b"\r\n0\r\n\r\n")),
    ("a chunk extension without end", 400, create(TE, body=b"13;" + b"a" * 300 + b"\r\n" + BODY + b"\r\n0\r\n\r\n")),
    ("a control character in a chunk extension", 400, create(TE, body=b"13;a=\0\r\n" + BODY + b"\r\n0\r\n\r\n")),
    ("a trailer with a bare LF", 400, create(TE, body=CHUNKED[:-2] + b"A: b\n\r\n")),
    ("trailers without end", 400, create(TE, body=CHUNKED[:-2] + b"A: b\r\n" * 5000)),
]

# What is odd but has one meaning: exactly one create, whose body is written anew.
ONE_CREATE_FRAMINGS = [
    ("a tab before chunked", create("Transfer-Encoding:\tchunked", body=CHUNKED)),
    ("blanks around a length", create("Content-Length: \t 19 \t")),
    ("leading zeros of a length", create("Content-Length: 0019")),
    ("header names in capitals", create("CONTENT-LENGTH: 19")),
    ("chunk extensions", create(TE, body=b"13;a=b;c=\"d\"\r\n" + BODY + b"\r\n0;x\r\n\r\n")),
    ("leading zeros of a chunk size", create(TE, body=b"00000000013\r\n" + BODY + b"\r\n000\r\n\r\n")),
    ("white space behind a chunk size", create(TE, body=b"13 \t\r\n" + BODY + b"\r\n0\r\n\r\n")),
    ("trailers", create(TE, body=CHUNKED[:-2] + b"Content-Length: 5\r\nX-Registry-Auth: a\r\n\r\n")),
    ("chunks of one byte", create(TE, body=chunked(*[BODY[at:at + 1] for at in range(len(BODY))]))),
    ("an Upgrade on an ordinary route", create("Connection: Upgrade", "Upgrade: tcp", LENGTH)),
    ("h2c on an ordinary route", create("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", LENGTH)),
    ("a content encoding", create("Content-Encoding: gzip", LENGTH)),
    ("headers that the hop is to drop", create("Connection: Content-Length", LENGTH)),
    ("foreign headers", create(LENGTH, "Authorization: Basic x", "Cookie: a=b", "X-Forwarded-For: 1.2.3.4", "Forwarded: for=1", "traceparent: 00-0",
                               "X-Registry-Auth: e30=", "X-Registry-Config: e30=", "X-HTTP-Method-Override: DELETE", "Accept-Encoding: gzip",
                               "Proxy-Connection: keep-alive", "TE: trailers", "Trailer: Content-Length", "Range: bytes=0-1", "X: é")),
    ("an unused expectation", create(LENGTH, "Expect: 100-continue")),
]

# Paths in disguise. Statuses: refused by the parser or by the router; nothing reaches the engine.
DISGUISED_PATHS = [
    "//containers/json", "/./containers/json", "/v1.41/../containers/json", "/x/../containers/json", "/%2e%2e/containers/json",
    "/containers/./json", "/containers%2fjson", "/containers%2Fcreate", "/v1.41%2Fcontainers%2Fjson", "/v1.41./containers/json",
    "/v01.41/containers/json", "/v1.041/containers/json", "/v1.41.0.0/containers/json", "/v1/containers/json", "/V1.41/containers/json",
    "/v1.41/containers/json/", "/CONTAINERS/JSON", "/containers/json%00", "/containers/json%0a", "/containers/json;x", "/containers/json%3bx",
    "/containers\\json", "/containers%5cjson", "/containers/json#x", "/containers/js%2565", "/containers/%", "/containers/%zz/json",
    "/containers/base/start/json", "/containers/base%2fjson", "/containers/base/json/json", "/containers/../base/json", "/containers//json",
    "/containers/b\u00e4se/json".encode().decode("latin-1"), "/containers/%ff/json", "http://x/containers/json", "unix:///containers/json", "*",
    "containers/json", "", "?", "/", "/v1.41", "/v1.41/", "/debug/pprof/", "/debug/vars", "/v1.41/debug/vars", "/metrics", "/auth.json",
    "/v1.23/containers/json", "/v0.1/containers/json", "/v-1.41/containers/json", "/v1.-41/containers/json",
]
CANONICAL_PATHS = [
    ("/v1.49/containers/json", "GET /v1.49/containers/json?all=1&"), ("/containers/json", "GET /v1.49/containers/json?all=1&"),
    ("/v1.24/containers/json", "GET /v1.24/containers/json?all=1&"), ("/v1.99/containers/json", "GET /v1.49/containers/json?all=1&"),
    ("/containers/jso%6e", "GET /v1.49/containers/json?all=1&"), ("/v%31.41/containers/json", "GET /v1.41/containers/json?all=1&"),
    ("/containers/json?s%69ze=off", "GET /v1.49/containers/json?all=1&size=1&"), ("/containers/json?size=0&trunc_cmd=1", "GET /v1.49/containers/json?all=1&"),
]
