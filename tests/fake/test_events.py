"""Events: heard once from the engine, told to each stream that asks for them."""

import json
import time

from client import Broken
from door import FakeCase
from framings import request
from tools import wait_for


class Events(FakeCase):
    def event(self, action, nanoseconds=None):
        nanoseconds = nanoseconds or time.time_ns()
        actor = {"ID": self.container, "Attributes": {"name": f"berth.{self.key}.base", "image": "busybox"}}
        return json.dumps({"Type": "container", "Action": action, "Actor": actor, "time": nanoseconds // 10**9, "timeNano": nanoseconds}).encode() + b"\n"

    def follow(self, query=""):
        client = self.client()
        self.addCleanup(client.close)
        self.assertEqual(client.send(request("GET", f"/events{query}")).head().status, 200)
        return client

    def actions(self, client, count):
        told = b""
        while told.count(b"\n") < count:
            piece = client.chunk()
            self.assertTrue(piece, f"the stream ended behind {told!r}")
            told += piece
        return [json.loads(line)["Action"] for line in told.splitlines()]

    def test_all_streams_are_told_of_what_the_engine_tells_once(self):
        mark = self.engine.mark()
        streams = [self.follow() for _ in range(20)]
        self.engine.tell(self.event("pause") + self.event("unpause"))
        for each in streams:
            self.assertEqual(self.actions(each, 2), ["pause", "unpause"])
        self.assertEqual([each for each in self.engine.since(mark) if "/events" in each.path], [])

    def test_the_past_and_what_follows_are_told_once(self):
        both = self.event("pause")

        def past(channel, _):
            self.engine.tell(both)  # heard before the past has come
            time.sleep(0.2)
            channel.begin()
            channel.chunk(self.event("start", 1) + both)
            channel.end()
            time.sleep(0.2)
            self.engine.tell(self.event("unpause"))

        self.engine.on("GET", "events", past)
        self.assertEqual(self.actions(self.follow("?since=1"), 3), ["start", "pause", "unpause"])

    def test_it_ends_at_its_time(self):
        def past(channel, _):
            channel.begin()
            channel.chunk(self.event("start", 1))
            channel.end()

        self.engine.on("GET", "events", past)
        stream = self.follow(f"?until={time.time() + 3:.3f}")
        self.engine.tell(self.event("pause"))
        self.assertEqual(self.actions(stream, 2), ["start", "pause"])
        self.assertEqual(stream.chunk(), b"", "the end")

    def test_who_does_not_read_is_told_less_and_keeps_nobody_waiting(self):
        idle, busy = self.follow(), self.follow()
        for _ in range(100):
            self.engine.tell(b"".join(self.event("pause") for _ in range(50)))
            self.actions(busy, 50)
        idle.sock.settimeout(1)
        told = b""
        try:
            while True:
                told += idle.chunk()
        except TimeoutError:
            pass
        self.assertIn(b'"pause"', told)
        self.assertLess(told.count(b"\n"), 5000, "what nobody read was kept all the same")

    def test_it_is_cut_when_the_engine_s_stream_breaks_off_and_the_next_is_heard(self):
        stream, before = self.follow(), list(self.engine.told)
        for each in before:
            each.sock.shutdown(2)
        with self.assertRaises(Broken):
            stream.chunk()
        wait_for(lambda: self.engine.told and not set(self.engine.told) & set(before), 10, "berth's next look at the events")
        stream = self.follow()
        self.engine.tell(self.event("pause"))
        self.assertEqual(self.actions(stream, 1), ["pause"])

    def test_moments_to_come(self):
        """Nothing of the past is asked for; a time that is over ends it, however much waits."""
        mark = self.engine.mark()
        stream = self.follow(f"?since={time.time() + 3:.3f}&until={time.time() + 4:.3f}")
        self.assertEqual([each for each in self.engine.since(mark) if "/events" in each.path], [])
        self.engine.tell(self.event("pause"))
        time.sleep(4.1)
        self.engine.tell(self.event("unpause"))
        self.assertEqual(self.actions(stream, 1), ["pause"])
        self.assertEqual(stream.chunk(), b"", "the end")

    def test_minus_one_is_no_moment(self):
        mark = self.engine.mark()
        stream = self.follow("?until=-1")
        self.assertEqual([each for each in self.engine.since(mark) if "/events" in each.path], [])
        self.engine.tell(self.event("pause"))
        self.assertEqual(self.actions(stream, 1), ["pause"])

    def test_images_that_are_made_are_told_of_from_1_46_on(self):
        image = next(iter(self.engine.images.values()))
        made = json.dumps({"Type": "image", "Action": "create", "Actor": {"ID": image, "Attributes": {"name": image}}, "time": 1, "timeNano": 1}).encode() + b"\n"
        streams = {}
        for version in ("1.45", "1.46"):
            streams[version] = self.client()
            self.addCleanup(streams[version].close)
            self.assertEqual(streams[version].send(f"GET /v{version}/events HTTP/1.1\r\nHost: d\r\n\r\n".encode()).head().status, 200)
        self.engine.tell(made + self.event("pause"))
        self.assertEqual(self.actions(streams["1.45"], 1), ["pause"])
        self.assertEqual(self.actions(streams["1.46"], 2), ["create", "pause"])

    def test_moments_that_are_none(self):
        for query in ("since=yesterday", "until=1.x", "since=99999999999999999999"):
            reply = self.call("GET", f"/events?{query}")
            self.assertEqual((reply.status, "invalid syntax" in reply.message()), (400, True), query)
