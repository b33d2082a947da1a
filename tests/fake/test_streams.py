"""Raw streams: their ends, what comes early or late, silence."""

import socket
import threading
import time
import unittest

import attacks
from channel import RAW_STREAM, Cut
from door import FakeCase
from exchanges import ATTACH, BLOCK, UPGRADE
from framings import request
from tools import wait_for


class RawStreams(FakeCase):
    def attach(self, client, data=ATTACH):
        reply = client.send(data).head()
        self.assertEqual((reply.status, reply.headers["connection"], reply.headers["upgrade"]), (101, "Upgrade", "tcp"))
        self.assertEqual(reply.headers["content-type"], RAW_STREAM)
        return reply

    @attacks.shows("H-12", "passed on as a half-close on raw streams")
    def test_the_client_s_end_of_input_reaches_the_engine_and_its_output_still_comes(self):
        def cat(channel, request):
            channel.switch()
            while channel.fill():
                pass
            time.sleep(0.2)
            channel.send(b"got " + bytes(channel.buffer))
            raise Cut

        self.engine.on("POST", "attach", cat)
        with self.client() as client:
            self.attach(client)
            client.send(b"input").half_close()
            self.assertEqual(client.rest(), b"got input")

    def test_the_engine_s_end_of_output_reaches_the_client_and_its_input_still_goes(self):
        got = []

        def mute(channel, request):
            channel.switch()
            channel.send(b"output")
            channel.sock.shutdown(socket.SHUT_WR)
            while channel.fill():
                pass
            got.append(bytes(channel.buffer))
            raise Cut

        self.engine.on("POST", "attach", mute)
        with self.client() as client:
            self.attach(client)
            self.assertEqual(client.rest(), b"output")
            time.sleep(0.2)
            client.send(b"late input").half_close()
            wait_for(lambda: got, 5, "the input at the engine")
        self.assertEqual(got, [b"late input"])

    def test_an_engine_that_closes_ends_the_stream_for_the_client_too(self):
        self.engine.on("POST", "attach", lambda channel, _: (channel.switch(), channel.send(b"bye"), channel.close()))
        with self.client() as client:
            self.attach(client)
            self.assertEqual(client.rest(), b"bye")
            wait_for(lambda: self.leak() <= 0, 3, "berth to close, although the client has not")

    def test_the_last_output_arrives_although_the_client_reads_late(self):
        data = BLOCK * 8
        self.engine.on("POST", "attach", lambda channel, _: (channel.switch(), channel.send(data), channel.close()))
        with self.client() as client:
            self.attach(client)
            time.sleep(1.5)
            self.assertEqual(client.rest(), data)

    def test_the_last_input_arrives_although_the_client_closes_at_once(self):
        got = []

        def slow(channel, request):
            channel.switch()
            time.sleep(0.2)
            while channel.fill():
                pass
            got.append(bytes(channel.buffer))
            raise Cut

        self.engine.on("POST", "attach", slow)
        with self.client() as client:
            self.attach(client)
            client.send(BLOCK[:1000])
        wait_for(lambda: got, 5, "the input at the engine")
        self.assertEqual(got, [BLOCK[:1000]])

    @attacks.shows("H-11", "held until the engine has switched")
    def test_early_input_waits_for_the_switch(self):
        early = []

        def patient(channel, request):
            time.sleep(0.3)
            channel.sock.setblocking(False)
            try:
                channel.fill()
            except BlockingIOError:
                pass
            channel.sock.setblocking(True)
            early.append(bytes(channel.buffer))
            self.engine._container_attach(channel, request, self.container)

        self.engine.on("POST", "attach", patient)
        with self.client() as client:
            self.attach(client, ATTACH + b"early ")
            client.send(b"late").half_close()
            self.assertEqual(client.rest(), b"early late")
        self.assertEqual(early, [b""])

    def test_output_in_the_same_packet_as_the_switch_is_not_lost(self):
        def eager(channel, request):
            channel.send(channel.head(101, f"Content-Type: {RAW_STREAM}", "Connection: Upgrade", "Upgrade: tcp") + b"first")
            channel.close()

        self.engine.on("POST", "attach", eager)
        with self.client() as client:
            self.attach(client)
            self.assertEqual(client.rest(), b"first")

    def test_an_exec_is_the_same(self):
        exec_id = self.call("POST", "/containers/base/exec", {"Cmd": ["cat"]}).json()["Id"]
        with self.client() as client:
            self.attach(client, request("POST", f"/exec/{exec_id}/start", {"Detach": False, "Tty": False}, *UPGRADE))
            client.send(b"through").half_close()
            self.assertEqual(client.rest(), b"through")
        start = self.sent("POST", "start")[0]
        self.assertEqual(start.json(), {"Detach": False, "Tty": False})

    def test_a_detached_exec_is_an_ordinary_answer(self):
        exec_id = self.call("POST", "/containers/base/exec", {"Cmd": ["cat"]}).json()["Id"]
        self.engine.on("POST", "start", lambda channel, _: channel.reply(200))
        self.assertEqual(self.call("POST", f"/exec/{exec_id}/start", {"Detach": True}).status, 200)

    def test_clients_of_old_get_the_stream_behind_a_200(self):
        def old(channel, request):
            channel.send(channel.head(200, f"Content-Type: {RAW_STREAM}"))
            while channel.fill():
                channel.send(bytes(channel.buffer))
                channel.buffer.clear()
            raise Cut

        self.engine.on("POST", "attach", old)
        with self.client() as client:
            reply = client.send(request("POST", "/containers/base/attach?stream=1&stdin=1")).head()
            self.assertEqual((reply.status, reply.headers["content-type"]), (200, RAW_STREAM))
            self.assertFalse({"content-length", "transfer-encoding"} & set(reply.headers))
            client.send(b"as of old").half_close()
            self.assertEqual(client.rest(), b"as of old")
        self.assertNotIn("upgrade", self.sent("POST", "attach")[0].headers)

    def test_a_refused_upgrade_ends_the_connection(self):
        reply = self.call("POST", "/containers/nobody/attach?stream=1", None, *UPGRADE)
        self.assertEqual(reply.status, 404)
        self.assertEqual(self.sent(), [])

    def test_many_streams_at_once_do_not_mix(self):
        clients = [self.client() for _ in range(40)]
        for number, client in enumerate(clients):
            self.attach(client)
            client.send(b"%d " % number * 100)
        for client in clients:
            client.half_close()
        for number, client in enumerate(clients):
            with client:
                self.assertEqual(client.rest(), b"%d " % number * 100)


class SilentStreams(FakeCase):
    def test_a_stream_that_is_silent_for_fifteen_seconds_is_not_cut(self):
        release = threading.Event()

        def late(first, begin):
            def handler(channel, request):
                if first:
                    begin(channel)
                release.wait(30)
                if not first:
                    begin(channel)
                if begin is switch:
                    channel.send(b"late")
                    raise Cut
                channel.chunk(b'{"StatusCode":0}\n' if "wait" in request.path else b"late\n")
                channel.end()
            return handler

        def begin(channel):
            channel.begin()

        def switch(channel):
            channel.switch()

        streams = []
        for method, path, first, how in (("GET", "/containers/base/logs?follow=1", True, begin), ("GET", "/containers/base/logs?follow=1", False, begin),
                                         ("POST", "/containers/base/wait", True, begin),
                                         ("POST", "/containers/base/wait", False, begin), ("POST", "/containers/base/attach", True, switch)):
            name = path.split("?")[0].rsplit("/", 1)[1]
            before = len(self.sent(method, name))
            self.engine.on(method, name, late(first, how))
            client = self.client(30).send(request(method, path, None, *(UPGRADE if how is switch else ())))
            streams.append((path, client))
            wait_for(lambda: len(self.sent(method, name)) > before, 5, path)
        events = self.client(30).send(request("GET", "/events"))
        idle = self.client(30)
        before = self.berth.cpu()
        time.sleep(15)
        self.assertLess(self.berth.cpu() - before, 0.3)
        release.set()
        for path, client in streams:
            with self.subTest(path), client:
                if "attach" in path:
                    self.assertEqual((client.head().status, client.rest()), (101, b"late"))
                else:
                    reply = client.reply()
                    self.assertEqual(reply.status, 200)
                    self.assertIn(b"StatusCode" if "wait" in path else b"late", reply.body)
        self.engine.tell(b'{"Type":"container","Action":"die","id":"%b","Actor":{"ID":"%b","Attributes":{}},"time":1,"timeNano":1}\n' % ((self.container.encode(),) * 2))
        with events:
            self.assertEqual(events.head().status, 200)
            self.assertIn(b'"die"', events.chunk())
        with idle:
            self.assertEqual(idle.call("GET", "/_ping").status, 200, "a connection that was idle as long")


if __name__ == "__main__":
    unittest.main()
