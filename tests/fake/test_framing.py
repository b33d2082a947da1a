"""Hostile framing at a job's door: refused, or harmless, and the engine gets only berth's own bytes."""

import threading
import time
import unittest

import attacks
from door import FakeCase, in_background
from framings import CANONICAL_PATHS, DISGUISED_PATHS, ONE_CREATE_FRAMINGS, PING, REFUSED_FRAMINGS, SMUGGLED, raw, request
from tools import wait_for

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

    @attacks.shows("H-01 H-04 H-08", "400, 431 or 505 and closed; the engine gets nothing")
    def test_what_another_server_could_read_otherwise_is_refused_and_the_connection_closed(self):
        for name, status, data in REFUSED_FRAMINGS:
            with self.subTest(name):
                self.mark = self.engine.mark()
                self.assert_refused(status, data)

    def test_a_refusal_does_not_depend_on_how_the_bytes_arrive(self):
        for name, status, data in REFUSED_FRAMINGS:
            if len(data) > 300:
                continue
            with self.subTest(name), self.client() as client:
                self.mark = self.engine.mark()
                for at in range(len(data)):
                    client.send(data[at:at + 1])
                self.assertEqual(client.reply().status, status)
                self.assertEqual(self.sent(), [])

    @attacks.shows("H-01 J-26", "exactly one request in berth's own bytes")
    def test_odd_framing_with_one_meaning_is_one_request_in_our_own_bytes(self):
        for number, (name, data) in enumerate(ONE_CREATE_FRAMINGS):
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

    @attacks.shows("H-05 N-09", "400 or 404; the engine gets nothing")
    def test_disguised_paths_reach_nothing(self):
        for path in DISGUISED_PATHS:
            with self.subTest(path), self.client() as client:
                self.mark = self.engine.mark()
                client.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                self.assertIn(client.reply().status, (400, 404))
                self.assertEqual(self.sent(), [])

    @attacks.shows("H-05 J-31 J-32", "written anew")
    def test_paths_and_parameters_are_written_anew(self):
        for path, line in CANONICAL_PATHS:
            with self.subTest(path):
                self.mark = self.engine.mark()
                self.assertEqual(self.call("GET", path).status, 200)
                self.assertEqual([each.head.split(b"\r\n")[0].decode().split("filters=")[0] for each in self.sent()], [line])

    @attacks.shows("H-13 S-01 S-05 S-06 S-08 L-12", "closed; the engine gets nothing")
    def test_unknown_methods_and_closed_routes_reach_nothing(self):
        for method, path, status in [("TRACE", "/_ping", 404), ("CONNECT", "/_ping", 404), ("PATCH", "/containers/base", 404),
                                     ("POST", "/_ping", 404), ("PUT", "/containers/create", 404), ("POST", "/session", 400),
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

    @attacks.shows("H-03", "the header goes no further")
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

    @attacks.shows("H-02", "the connection ends with the refusal")
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

    @attacks.shows("I-17", "credentials go with a pull alone")
    def test_registry_credentials_go_with_a_pull_alone(self):
        auth = "X-Registry-Auth: eyJhIjoiYiJ9"
        with self.client() as client:
            for method, path in (("POST", "/images/create?fromImage=busybox&tag=latest"), ("GET", "/images/busybox/json"), ("GET", "/containers/json")):
                self.assertEqual(client.call(method, path, None, auth).status, 200)
        self.assertEqual([each.path for each in self.sent() if "x-registry-auth" in each.headers], ["images/create"])

    @attacks.shows("J-27 J-28 R-21", "400; the engine gets nothing")
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

    @attacks.shows("H-06", "502")
    def test_the_engine_s_redirect_is_not_relayed(self):
        for status in (301, 302, 307):
            with self.subTest(status):
                self.engine.on("GET", "containers/json", lambda channel, _: channel.reply(status, b"", extra=["Location: /evil"]))
                reply = self.call("GET", "/containers/json")
                self.assertIn(reply.status, (502,))
                self.assertNotIn("location", reply.headers)
                self.engine.on("POST", "base|/start", lambda channel, _: channel.reply(status, b"", extra=["Location: /evil"]))
                self.assertEqual(self.call("POST", "/containers/base/start").status, 502)

    @attacks.shows("H-10", "berth's own headers alone")
    def test_the_engine_s_own_headers_are_not_spliced_in(self):
        spliced = ["Set-Cookie: a=b", "X-Evil: c", "Location: /x", "Trailer: Content-Length"]
        self.engine.on("GET", "/json", lambda channel, _: channel.reply(404, {"message": "gone"}, extra=spliced))
        reply = self.call("GET", "/containers/base/json")
        self.assertEqual(set(reply.headers), {"content-type", "content-length", "api-version", "docker-experimental", "ostype", "server"})


class SlowHeads(FakeCase):
    @attacks.shows("H-07", "cut after ten seconds")
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
