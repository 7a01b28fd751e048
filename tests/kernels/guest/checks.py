"""The checks themselves. Each one prints `pass NAME` or `FAIL NAME: why`, and none is ever left
out; the closing line `end` tells the host that all of them were reached."""

import fcntl
import os
import socket
import struct
import subprocess
import sys
import termios

from capture import OUTPUT, Capture, Story
from traffic import PATIENCE, End, python_pair, s_client_pair
from typed import TYPED, shown, type_to_bash

PAIRS = (("python", python_pair, "127.0.0.1"), ("python", python_pair, "::1"), ("s_client", s_client_pair, "127.0.0.1"))


def main(series, checks):
    loopback_up()
    check(f"the kernel is of series {series}", kernel, series)
    if checks == "no-btf":
        without_btf()
    else:
        with_btf()
    print("end", flush=True)
    # The machine powers off next: let the serial port send what it has.
    if os.isatty(1):
        termios.tcdrain(1)


PORT = 8443
# Each with what it leaves out: who listens there, and a reason in the summary.
CHOOSING = (
    (("--port", str(PORT)), ("127.0.0.1", 0), "filter"),
    (("--net", "::1"), ("127.0.0.1", 0), "filter"),
    (("--sample", "1/1000000"), None, "sample"),
)


def with_btf():
    """The whole path, then the same with what chooses and with what cuts."""
    check("doctor exits 0 and prints what it found", doctor, 0)
    whole()
    for words, other, reason in CHOOSING:
        choosing(words, other, reason)
    cutting("-t", "1000", reasons={"cap"})
    cutting("--on-overload", "truncate", "--keep-bytes", "1000", "--mapsize", "1", "--shards", "1",
            reasons={"overload", "ring-full"})
    typing()


def choosing(words, other, reason):
    """One connection that is wanted, unless all are left out, and one that is not."""
    name = " ".join(words)
    run = check(f"{name}: ecapture starts", Capture, *words)
    check(f"{name}: it says ready", Capture.wait_ready, run)
    wanted = check(f"{name}: the traffic itself", python_pair, "::1", PORT)
    unwanted = check(f"{name}: other traffic", python_pair, *(other or ("127.0.0.1", 0)))
    check(f"{name}: SIGINT ends it", lambda run: equal(run.interrupt(), 0), run)
    story = check(f"{name}: the output is JSON", Story, run)
    if not other:
        wanted, unwanted = [], (wanted or []) + (unwanted or [])
    for end in wanted or []:
        check(f"{name}: {end.name} is shown", Story.stream, story, end)
    check(f"{name}: the others are counted and not shown", left_out, story, reason, len(wanted or []), unwanted)


def left_out(story, reason, shown, ends):
    """This process serves all connections, so what tells them apart is how many there are."""
    summary = story.lines[-1]
    moved = sum(len(data) for end in ends for data in end.bytes.values())
    equal(summary["left_out"][reason], {"connections": len(ends), "bytes": moved})
    equal((len(story.streams), summary["unaccounted"], story.gaps), (shown, 0, []))


def cutting(*words, reasons):
    """What is shown and what is in gaps is what moved, and no other reason is given."""
    name = " ".join(words)
    run = check(f"{name}: ecapture starts", Capture, *words)
    check(f"{name}: it says ready", Capture.wait_ready, run)
    ends = check(f"{name}: the traffic itself", python_pair, "127.0.0.1")
    check(f"{name}: SIGINT ends it", lambda run: equal(run.interrupt(), 0), run)
    story = check(f"{name}: the output is JSON", Story, run)
    check(f"{name}: shown and gaps are all that moved", accounted, story, ends, reasons)


def accounted(story, ends, reasons):
    for end in ends:
        shown, gaps = story.moved(end)
        equal(shown + sum(gaps.values()), sum(len(data) for data in end.bytes.values()))
        if not gaps or not set(gaps) <= reasons:
            raise ValueError(f"{end.name}: gaps are {gaps}")
    equal(story.lines[-1]["unaccounted"], 0)


def whole():
    """From the probes to the summary, every byte."""
    run = check("ecapture starts", Capture)
    check("every program loads and it says ready", Capture.wait_ready, run)
    ends = []
    for client, pair, host in PAIRS:
        moved = check(f"{client} {host}: the traffic itself", pair, host)
        # An end that never was must fail its checks as well.
        ends += moved or [End(f"{client} {host} {who}", -1, "", "", b"", b"") for who in ("client", "server")]
    check("SIGINT ends it with exit code 0", lambda run: equal(run.interrupt(), 0), run)

    story = check("the output is JSON", Story, run)
    check("the last line is the summary", lambda story: equal(story.lines[-1]["type"], "summary"), story)
    check("there is no gap", lambda story: equal(story.gaps, []), story)
    for end in ends:
        stream = check(f"{end.name}: both directions, byte for byte", Story.stream, story, end)
        wanted = {(end.local, end.remote)}
        check(f"{end.name}: addresses", lambda stream: equal(stream.addresses, wanted), stream)
    report("ecapture", run.log if run else [])


def typing():
    """What is typed to a shell, with its exit statuses."""
    run = check("bash: ecapture starts", lambda: Capture(command=("bash",)))
    check("bash: it says ready", Capture.wait_ready, run)
    shell = check("bash: the typing itself", type_to_bash)
    check("bash: SIGINT ends it", lambda run: equal(run.interrupt(), 0), run)
    check("bash: every command is shown", lambda shell: equal(shown(OUTPUT, shell), TYPED), shell)
    report("bash", run.log if run else [])


def without_btf():
    """ecapture must refuse to start, and say why."""
    check("BTF is hidden", lambda: equal(os.listdir("/sys/kernel/btf"), []))
    check("doctor exits 1 and names BTF", doctor, 1)
    run = check("ecapture starts", Capture)
    code = check("it ends by itself", Capture.wait, run)
    check("its exit code is a failure", lambda code: equal(code > 0, True), code)
    check("it names BTF", lambda run: equal(any("BTF" in line for line in run.log), True), run)
    check("it never says ready", lambda run: equal(run.ready, False), run)
    report("ecapture", run.log if run else [])


def check(name, body, *needs):
    """Runs one check on what earlier ones gave, and gives what it returns to later ones."""
    try:
        if None in needs:
            raise ValueError("what it would look at is missing, see above")
        result = body(*needs)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".replace("\n", " ")
        print(f"FAIL {name}: {reason[:500]}", flush=True)
        return None
    print(f"pass {name}", flush=True)
    return result


def equal(got, wanted):
    if got != wanted:
        raise ValueError(f"{got!r}, not {wanted!r}")


def kernel(series):
    release = os.uname().release
    if not release.startswith(series + "."):
        raise ValueError(f"it is {release}")


def doctor(code):
    run = subprocess.run(
        ["ecapture", "doctor"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE
    )
    report("doctor", run.stdout.splitlines())
    equal(run.returncode, code)
    for word in (os.uname().release, "BTF"):
        if word not in run.stdout:
            raise ValueError(f"its output does not hold `{word}`")


def report(what, lines):
    """For the log alone: the host counts only the lines that say pass or FAIL."""
    for line in lines[-40:]:
        print(f"  {what}| {line[:200]}", flush=True)


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up = struct.pack("16sh14x", b"lo", 0x1 | 0x8 | 0x40)  # IFF_UP, IFF_LOOPBACK, IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS


if __name__ == "__main__":
    main(*sys.argv[1:])
