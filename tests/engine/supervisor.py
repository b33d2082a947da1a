"""A service manager's side of sd_notify(3) and sd_listen_fds(3): what systemd does for berth.service, without systemd."""

import array
import fcntl
import os
import socket
import threading

from tools import wait_for

FIRST = 3  # SD_LISTEN_FDS_START


class Supervisor:
    """Listens on NOTIFY_SOCKET, keeps what it is given (FDSTORE) and passes it to the next process."""

    def __init__(self, folder):
        self.path = str(folder / "notify.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.messages = []  # each a dict; of a repeated key the last
        self.kept = {}      # name: descriptor
        self.extra = {}     # of socket units: name: descriptor
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while True:
            data, control, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(4 * 16))
            if not data:  # end()
                return
            descriptors = array.array("i")
            for level, kind, content in control:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    descriptors.frombytes(content)
            message = dict(line.split("=", 1) for line in data.decode().splitlines())
            self.messages.append(message)
            name = message.get("FDNAME", "stored")
            if message.get("FDSTORE") == "1":
                self.forget(name)
                self.kept[name] = descriptors.pop()
            if message.get("FDSTOREREMOVE") == "1":
                self.forget(name)
            for each in descriptors:
                os.close(each)

    def forget(self, name):
        if name in self.kept:
            os.close(self.kept.pop(name))

    def said(self, key, value, since=0):
        return any(each.get(key) == value for each in self.messages[since:])

    def wait_for(self, key, value, since=0):
        wait_for(lambda: self.said(key, value, since), 20, f"{key}={value} of {self.messages[since:]}")

    def listens(self, name, path):
        """What a socket unit does."""
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(path))
        listening.listen(64)
        self.extra[name] = listening.detach()

    def start(self, argv, environment, watchdog=None, **options):
        """Like subprocess.Popen, with what is kept as descriptors 3 and on."""
        passed = {**self.extra, **self.kept}
        variables = {**environment, "NOTIFY_SOCKET": self.path}
        if watchdog:
            variables["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        if passed:
            variables |= {"LISTEN_FDS": str(len(passed)), "LISTEN_FDNAMES": ":".join(passed)}
        return Child(argv, variables, list(passed.values()), options["log"])

    def end(self):
        """Behind all that was said so far."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.path)
        self.thread.join()
        for each in (*self.kept.values(), *self.extra.values()):
            os.close(each)
        self.kept, self.extra = {}, {}
        self.socket.close()


class Child:
    """A process with descriptors at fixed numbers and its own id in LISTEN_PID, which subprocess cannot give."""

    def __init__(self, argv, environment, descriptors, log):
        argv = [str(word) for word in argv]
        self.returncode = None
        self.pid = os.fork()
        if self.pid:
            return
        try:
            os.setsid()
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            out = os.open(str(log), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.dup2(out, 1)
            os.dup2(out, 2)
            high = self.lifted(descriptors)
            for number, fd in enumerate(high):
                os.dup2(fd, FIRST + number, inheritable=True)
            os.closerange(FIRST + len(high), 4096)
            if descriptors:
                environment["LISTEN_PID"] = str(os.getpid())
            os.execvpe(argv[0], argv, environment)
        finally:
            os._exit(127)

    @staticmethod
    def lifted(descriptors):
        """Copies above all numbers that are about to be used."""
        return [fcntl.fcntl(fd, fcntl.F_DUPFD, 1000) for fd in descriptors]

    def poll(self):
        if self.returncode is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout=30):
        wait_for(lambda: self.poll() is not None, timeout, "the end of the process")
        return self.returncode

    def terminate(self):
        self.signal(15)

    def kill(self):
        self.signal(9)

    def signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)
