"""Requests and answers that tests of streams and of those who vanish share."""

import io
import tarfile
import threading

from channel import RAW_STREAM, Cut
from framings import chunked, request

UPGRADE = ("Connection: Upgrade", "Upgrade: tcp")
ATTACH = request("POST", "/containers/base/attach?stream=1&stdin=1&stdout=1", None, *UPGRADE)
BLOCK = bytes(range(256)) * 1024  # 256 KiB
TAR = b"tar" * 20


def build_context():
    """A tar that a build takes."""
    text = b"FROM scratch\nADD Dockerfile /\n"
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    return file.getvalue()[:2048]  # header, text and the two empty blocks of the end


CONTEXT = build_context()


def with_chunks(method, target, kind, *pieces):
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + chunked(*pieces)


class Hold:
    """A handler that begins an answer and then waits for berth to close the connection."""

    def __init__(self, begin):
        self.begin = begin
        self.started = threading.Event()
        self.gone = threading.Event()

    def __call__(self, channel, request):
        self.begin(channel)
        self.started.set()
        if channel.until_peer_closes():
            self.gone.set()
        raise Cut


def nothing(_):
    pass


def lines(channel):
    channel.begin()
    channel.chunk(b'{"status":"x"}\r\n')


def raw_chunks(channel):
    channel.begin(content_type=RAW_STREAM)
    channel.chunk(b"hello\n")


def switched(channel):
    channel.switch()
    channel.send(b"hello\n")
