"""A run of ecapture, and what its JSON says."""

import base64
import json
import re
import signal
import subprocess
import threading

from traffic import PATIENCE

OUTPUT = "/tmp/out.json"
JSON = ("--format", "json", "-o", OUTPUT)
COMMAND = ("tls", "--raw")


class Capture:
    """ecapture at work. Its stderr is read to the end, so that it can never block on it."""

    def __init__(self, *words, command=COMMAND):
        self.log = []
        self.ready = False
        self._settled = threading.Event()
        self._process = subprocess.Popen(
            ["ecapture", *command, *JSON, *words], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self._process.stderr:
            self.log.append(line.rstrip())
            if re.search(r"\bready\b", line):
                self.ready = True
                self._settled.set()
        self._settled.set()

    def wait_ready(self):
        """Returns when ecapture says that every probe stands, and fails if it never does."""
        self._settled.wait(PATIENCE)
        if not self.ready:
            raise RuntimeError(f"no line with `ready` on stderr; exit code {self._process.poll()}")

    def interrupt(self):
        """Ends it as a user does, and gives its exit code."""
        if self._process.poll() is not None:
            raise RuntimeError(f"it had ended by itself, with {self._process.returncode}")
        self._process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self):
        """Its exit code; if it does not end, that is a failure and its end."""
        try:
            return self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()


class Stream:
    """One connection as one process saw it, rebuilt from the data lines."""

    def __init__(self):
        self.bytes = {"read": bytearray(), "write": bytearray()}
        self.addresses = set()
        self.faults = []

    def add(self, line):
        """Takes a line in; its position and length must agree with what came before."""
        data = base64.b64decode(line["data"], validate=True)
        so_far = self.bytes[line["dir"]]
        if (line["pos"], line["len"]) != (len(so_far), len(data)):
            self.faults.append(f"{line['pos']}+{line['len']} is {len(data)} bytes after {len(so_far)} {line['dir']}")
        so_far += data
        self.addresses.add((line["local"], line["remote"]))


class Story:
    """Everything that one run wrote."""

    def __init__(self, _run):
        with open(OUTPUT) as file:
            self.lines = [json.loads(line) for line in file]
        self.gaps = [line for line in self.lines if line["type"] == "gap"]
        self.streams = {}
        for line in self.lines:
            if line["type"] == "data":
                self.streams.setdefault((line["pid"], line["conn"]), Stream()).add(line)

    def moved(self, end):
        """Bytes of this end of a connection that are shown, and that are in gaps, by reason."""
        shown, gaps = 0, {}
        for line in self.lines:
            if line["type"] == "data" and line["pid"] == end.pid:
                shown += line["len"]
            if line["type"] == "gap" and line["pid"] == end.pid:
                gaps[line["reason"]] = gaps.get(line["reason"], 0) + line["len"]
        return shown, gaps

    def stream(self, end):
        """The stream that holds exactly what this end of a connection read and wrote."""
        of_process = [stream for (pid, _), stream in self.streams.items() if pid == end.pid]
        for stream in of_process:
            if stream.bytes == end.bytes:
                if stream.faults:
                    raise ValueError(f"the bytes are right, their positions are not: {stream.faults}")
                return stream
        seen = [sizes(stream.bytes) for stream in of_process]
        raise ValueError(f"no stream of pid {end.pid} equals {sizes(end.bytes)}; captured were {seen}")


def sizes(ways):
    """What to print of two directions' bytes."""
    return {way: len(data) for way, data in ways.items()}
