"""The bytes of requests, and framings and paths that two programs may read differently."""

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
