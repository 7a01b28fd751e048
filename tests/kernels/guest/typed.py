"""A bash on a terminal, typed to while `ecapture bash` looks on."""

import json
import os
import pty

TYPED = (("true", 0), ("(exit 7)", 7), ("echo " + "x" * 3000, 0), ("exit 3", 3))


def type_to_bash():
    """Types all of it, line by line at the prompts; gives the shell's process id."""
    pid, terminal = pty.fork()
    if pid == 0:
        shell = ["bash", "--norc", "--noprofile", "-i"]
        os.execve("/bin/bash", shell, {"PATH": "/usr/bin", "PS1": "prompt> ", "TERM": "dumb", "HOME": "/tmp"})
    for line, _ in TYPED:
        shown = b""
        while not shown.endswith(b"prompt> "):
            shown += os.read(terminal, 4096)
        os.write(terminal, line.encode() + b"\n")
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:  # The other side is closed.
        pass
    os.waitpid(pid, 0)
    return pid


def shown(path, pid):
    """What ecapture wrote of a process: text and status of each command."""
    with open(path, encoding="utf-8") as output:
        lines = [json.loads(line) for line in output]
    return tuple((line["text"], line["status"]) for line in lines if line.get("pid") == pid)
