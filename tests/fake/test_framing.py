"""Hostile framing at a job's door: refused, or harmless, and the engine gets only berth's own bytes."""

import threading
import time
import unittest

from door import Broken, FakeCase, chunked, in_background, request, wait_for

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

REFUSED = [
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
ONE_CREATE = [
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
PATHS = [
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
CANONICAL = [
    ("/v1.47/containers/json", "GET /v1.47/containers/json?all=1&"), ("/containers/json", "GET /v1.47/containers/json?all=1&"),
    ("/v1.24/containers/json", "GET /v1.24/containers/json?all=1&"), ("/v1.99/containers/json", "GET /v1.47/containers/json?all=1&"),
    ("/containers/jso%6e", "GET /v1.47/containers/json?all=1&"), ("/v%31.41/containers/json", "GET /v1.41/containers/json?all=1&"),
    ("/containers/json?s%69ze=off", "GET /v1.47/containers/json?all=1&size=1&"), ("/containers/json?size=0&trunc_cmd=1", "GET /v1.47/containers/json?all=1&"),
]


class Framing(FakeCase):
    def assert_refused(self, status, data):
        """Answered in Docker's form with `status`, closed, and nothing went to the engine: neither this nor what hides behind it."""
        with self.client() as client:
            reply = client.send(data + SMUGGLED).reply()
            self.assertEqual(reply.status, status, reply)
            self.assertEqual(reply.headers.get("connection"), "close", reply)
            reply.message()
            client.half_close()
            self.assertTrue(client.closed(), f"more than one answer: {client.buffer!r}")
        self.assertEqual(self.sent(), [])

    def test_what_another_server_could_read_otherwise_is_refused_and_the_connection_closed(self):
        for name, status, data in REFUSED:
            with self.subTest(name):
                self.mark = self.engine.mark()
                self.assert_refused(status, data)

    def test_a_refusal_does_not_depend_on_how_the_bytes_arrive(self):
        for name, status, data in REFUSED:
            if len(data) > 300:
                continue
            with self.subTest(name), self.client() as client:
                self.mark = self.engine.mark()
                for at in range(len(data)):
                    client.send(data[at:at + 1])
                self.assertEqual(client.reply().status, status)
                self.assertEqual(self.sent(), [])

    def test_odd_framing_with_one_meaning_is_one_request_in_our_own_bytes(self):
        for number, (name, data) in enumerate(ONE_CREATE):
            with self.subTest(name), self.client() as client:
                self.mark = self.engine.mark()
                data = data.replace(b"/create HTTP", b"/create?name=odd%d HTTP" % number)
                client.send(data + request("GET", "/_ping"))
                self.assertEqual(client.reply().status, 201)
                self.assertEqual(client.reply().status, 200, "the next request begins where this one ended")
                creates = self.sent("POST")
                self.assertEqual([each.path for each in creates], ["containers/create"])
                self.assertEqual(set(creates[0].headers), {"host", "content-type", "content-length"})
                self.assertEqual(creates[0].query, {"name": f"berth.{self.key}.odd{number}"})
                self.assertTrue(creates[0].json()["Image"].startswith("sha256:"))

    def test_disguised_paths_reach_nothing(self):
        for path in PATHS:
            with self.subTest(path), self.client() as client:
                self.mark = self.engine.mark()
                client.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                self.assertIn(client.reply().status, (400, 404))
                self.assertEqual(self.sent(), [])

    def test_paths_and_parameters_are_written_anew(self):
        for path, line in CANONICAL:
            with self.subTest(path):
                self.mark = self.engine.mark()
                self.assertEqual(self.call("GET", path).status, 200)
                self.assertEqual([each.head.split(b"\r\n")[0].decode().split("filters=")[0] for each in self.sent()], [line])

    def test_unknown_methods_and_closed_routes_reach_nothing(self):
        for method, path, status in [("TRACE", "/_ping", 404), ("CONNECT", "/_ping", 404), ("PATCH", "/containers/base", 404),
                                     ("POST", "/_ping", 404), ("PUT", "/containers/create", 404), ("POST", "/grpc", 403), ("POST", "/session", 403),
                                     ("GET", "/containers/base/attach/ws?stdin=1&stream=1", 403), ("POST", "/swarm/init", 403),
                                     ("POST", "/plugins/pull?remote=x", 403), ("GET", "/images/get?names=foreign", 404),
                                     ("POST", "/images/load", 400), ("GET", "/plugins/x/json", 404), ("POST", "/containers/base/checkpoints", 403), ("GET", "/secrets", 503),
                                     ("DELETE", "/containers/base/checkpoints/docker?dir=/var/lib", 403), ("POST", "/containers/base/copy", 404)]:
            with self.subTest(f"{method} {path}"):
                self.mark = self.engine.mark()
                upgrade = ("Connection: Upgrade", "Upgrade: h2c", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13")
                self.assertEqual(self.call(method, path, None, *upgrade).status, status)
                self.assertEqual(self.sent(), [])

    def test_options_is_answered_without_the_engine(self):
        self.assertEqual(self.call("OPTIONS", "/containers/base").status, 200)
        self.assertEqual(self.sent(), [])

    def test_an_upgrade_on_an_ordinary_route_opens_no_tunnel(self):
        for offer in ("tcp", "h2c", "websocket", "HTTP/2.0, SHTTP/1.3"):
            with self.subTest(offer), self.client() as client:
                self.mark = self.engine.mark()
                client.send(request("GET", "/info", None, "Connection: Upgrade", f"Upgrade: {offer}") + request("GET", "/images/foreign/json"))
                self.assertEqual(client.reply().status, 200)
                self.assertEqual(client.reply().status, 404)
                self.assertEqual([each.path for each in self.sent()], ["info", "containers/json"])

    def test_upgrade_headers_do_not_skip_a_rule(self):
        body = {"Image": "busybox", "HostConfig": {"Privileged": True}}
        self.assertEqual(self.call("POST", "/containers/create", body, "Connection: Upgrade", "Upgrade: tcp").status, 403)
        self.assertEqual(self.sent(), [])

    def test_the_client_chooses_no_upgrade_toward_the_engine(self):
        self.call("POST", "/containers/base/attach?stream=1", None, "Connection: Upgrade", "Upgrade: h2c")
        self.assertEqual(self.sent()[0].headers["upgrade"], "tcp")

    def test_what_follows_a_refused_upgrade_is_not_executed(self):
        for status in (404, 409, 500):
            with self.subTest(status), self.client() as client:
                self.mark = self.engine.mark()
                self.engine.on("POST", "/attach", lambda channel, _: channel.reply(status, {"message": "no"}))
                client.send(request("POST", "/containers/base/attach?stream=1&stdin=1", None, "Connection: Upgrade", "Upgrade: tcp") + SMUGGLED)
                reply = client.reply()
                self.assertEqual((reply.status, reply.message(), reply.headers["connection"]), (status, "no", "close"))
                self.assertTrue(client.closed())
                self.assertEqual([each.method for each in self.sent()], ["POST"])

    def test_what_is_pipelined_behind_an_upgrade_is_raw_bytes(self):
        with self.client() as client:
            client.send(request("POST", "/containers/base/attach?stream=1&stdin=1", None, "Connection: Upgrade", "Upgrade: tcp") + SMUGGLED)
            self.assertEqual(client.head().status, 101)
            client.half_close()
            self.assertEqual(client.rest(), SMUGGLED, "the echo of what was sent")
        self.assertEqual([each.method for each in self.sent()], ["POST"])

    def test_registry_credentials_go_with_a_pull_alone(self):
        auth = "X-Registry-Auth: eyJhIjoiYiJ9"
        with self.client() as client:
            for method, path in (("POST", "/images/create?fromImage=busybox&tag=latest"), ("GET", "/images/busybox/json"), ("GET", "/containers/json")):
                self.assertEqual(client.call(method, path, None, auth).status, 200)
        self.assertEqual([each.path for each in self.sent() if "x-registry-auth" in each.headers], ["images/create"])

    def test_a_form_never_overrides_the_query(self):
        form = ("application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=utf-8", "multipart/form-data; boundary=b", "multipart/mixed")
        targets = ["/containers/prune", "/volumes/prune", "/networks/prune", "/images/prune", "/build/prune", "/containers/base/rename?name=ok",
                   "/images/busybox/tag?repo=ok", "/images/create?fromImage=ok", "/containers/base/wait", "/build?networkmode=none", "/containers/create?name=ok",
                   "/containers/base/start", "/containers/base/stop", "/containers/base/attach"]
        for kind in form:
            for target in targets:
                with self.subTest(f"{kind} {target}"):
                    self.mark = self.engine.mark()
                    body = b"name=evil&repo=evil&fromImage=evil&filters=%7B%7D&remote=http://x" + b"&pad=" + b"x" * 4096
                    self.assert_refused(400, request("POST", target, body, content_type=kind))
        self.assert_refused(400, request("PUT", "/containers/base/archive?path=/ok", b"path=/evil", content_type=form[0]))

    def test_the_engine_s_redirect_is_not_relayed(self):
        for status in (301, 302, 307):
            with self.subTest(status):
                self.engine.on("GET", "containers/json", lambda channel, _: channel.reply(status, b"", extra=["Location: /evil"]))
                reply = self.call("GET", "/containers/json")
                self.assertIn(reply.status, (502,))
                self.assertNotIn("location", reply.headers)
                self.engine.on("POST", "base|/start", lambda channel, _: channel.reply(status, b"", extra=["Location: /evil"]))
                self.assertEqual(self.call("POST", "/containers/base/start").status, 502)

    def test_the_engine_s_own_headers_are_not_spliced_in(self):
        spliced = ["Set-Cookie: a=b", "X-Evil: c", "Location: /x", "Trailer: Content-Length"]
        self.engine.on("GET", "/json", lambda channel, _: channel.reply(404, {"message": "gone"}, extra=spliced))
        reply = self.call("GET", "/containers/base/json")
        self.assertEqual(set(reply.headers), {"content-type", "content-length", "api-version", "docker-experimental", "ostype", "server"})


class SlowHeads(FakeCase):
    def test_a_head_that_does_not_come_to_its_end_is_cut_after_ten_seconds(self):
        def seconds_until_closed(first, dripped):
            client = self.client(30)
            stop = threading.Event()

            def drip():
                while not stop.wait(0.5):
                    client.send(dripped)

            with client:
                client.send(first)
                if dripped:
                    threading.Thread(target=drip, daemon=True).start()
                started = time.monotonic()
                closed = client.closed()
                stop.set()
                self.assertTrue(closed)
                return time.monotonic() - started

        idle = self.client()
        heads = [(b"G", b""), (raw(PING)[:-2], b""), (raw(PING) + b"GET /_p", b""), (b"GET /_ping HTTP/1.1\r\n", b"A: b\r\n")]
        waits = [in_background(seconds_until_closed, first, dripped) for first, dripped in heads if not first.startswith(raw(PING))]
        with self.client(30) as second:
            second.send(raw(PING) + b"GET /_p")
            self.assertEqual(second.reply().status, 200)
            started = time.monotonic()
            self.assertTrue(second.closed(), "a second request's head has the same time")
            spent = [time.monotonic() - started] + [wait(30) for wait in waits]
        for each in spent:
            self.assertTrue(9 < each < 13, f"closed after {each:.1f} s")
        with idle:
            self.assertEqual(idle.call("GET", "/_ping").status, 200, "a connection without any byte is only idle")
        wait_for(lambda: self.leak() <= 0)


if __name__ == "__main__":
    unittest.main()
