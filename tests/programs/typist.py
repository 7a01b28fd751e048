"""Types into a program on a terminal of its own: typist.py PROGRAM [ARGUMENT...]

The first line of output is the program's process id; what follows is what the terminal shows.
Standard input is typed as it comes. The exit code is the program's."""

import os
import pty
import select
import sys

pid, master = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
os.write(1, b"%d\n" % pid)
os.set_blocking(master, False)
typed, open_ = b"", True
while True:
    reads = [master] + ([0] if open_ and len(typed) < 65536 else [])
    ready, writable, _ = select.select(reads, [master] if typed else [], [])
    if 0 in ready:
        more = os.read(0, 65536)
        typed, open_ = typed + more, bool(more)
    if writable:
        # The terminal takes what fits, and shows some before it takes more.
        try:
            typed = typed[os.write(master, typed[:1024]) :]
        except BlockingIOError:
            pass
    if master in ready:
        try:
            shown = os.read(master, 65536)
        except OSError:
            break
        while shown:
            shown = shown[os.write(1, shown) :]
os.close(master)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
