"""nginx in a directory and at an address of its own, one worker on one CPU."""

import os
import random
import shutil
import signal
import string
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

PORT = 8443

CONFIG = """
daemon off; user root; worker_processes 1; pid {dir}/nginx.pid; error_log stderr notice;
events {{ worker_connections 1024; }}
http {{
    {temporary}
    # Every request, with the bytes that went through TLS in each direction: what a capture is
    # checked against. A server in use has an access log, too.
    log_format bytes '$request_length $bytes_sent';
    access_log {dir}/access.log bytes buffer=1m;
    keepalive_requests 1000000000;
    server {{
        listen {address}:{port} ssl;
        ssl_certificate {dir}/cert.pem;
        ssl_certificate_key {dir}/key.pem;
        root {dir}/html;
    }}
}}
"""


class Site:
    """Files to serve and a certificate, made once."""

    def __init__(self, sizes: dict[str, int]):
        self.dir = Path(tempfile.mkdtemp(prefix="ecapture-bench-"))
        html = self.dir / "html"
        html.mkdir()
        for name, size in sizes.items():
            (html / name).write_text(_prose(size))
        subprocess.run(
            [*"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
             " -subj /CN=localhost -keyout key.pem -out cert.pem".split()],
            cwd=self.dir, check=True, capture_output=True)
        # An address that no other run on this machine uses, so that the port is free at it.
        pid = os.getpid()
        self.address = f"127.{64 + (pid >> 16) % 64}.{(pid >> 8) & 255}.{pid & 255 or 1}"
        temporary = "".join(f"{what}_temp_path {self.dir}/{what}; "
                            for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.dir / "nginx.conf").write_text(CONFIG.format(
            dir=self.dir, address=self.address, port=PORT, temporary=temporary))

    def url(self, name: str) -> str:
        return f"https://{self.address}:{PORT}/{name}"

    def remove(self) -> None:
        shutil.rmtree(self.dir, ignore_errors=True)


class Nginx:
    """A running server."""

    def __init__(self, site: Site, cpu: int):
        self.log = site.dir / "access.log"
        self.log.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            ["taskset", "-c", str(cpu), "/usr/sbin/nginx", "-e", "stderr", "-p", site.dir,
             "-c", site.dir / "nginx.conf"], stderr=subprocess.PIPE, text=True)
        said = []
        for line in self.process.stderr:
            said.append(line)
            if "start worker process " in line:
                self.worker = int(line.rsplit(" ", 1)[1])
                return
        raise RuntimeError("nginx did not start:\n" + "".join(said))

    def stop(self) -> dict[str, int]:
        """Lets it finish what it serves. What it counted: requests, bytes of both directions."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.communicate(timeout=30)
        served = {"requests": 0, "read": 0, "write": 0}
        with open(self.log, encoding="ascii") as log:
            for line, times in Counter(log).items():
                request, sent = line.split()
                served["requests"] += times
                served["read"] += times * int(request)
                served["write"] += times * int(sent)
        return served

    def kill(self) -> None:
        """For the way out of an error: master and worker."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


def _prose(size: int) -> str:
    """Printable lines as a page or an API would send, the same in every run."""
    random.seed(size)
    letters = string.ascii_letters + string.digits + " " * 12 + ".,:;<>/=\"'"
    lines, left = [], size
    while left > 0:
        line = "".join(random.choices(letters, k=min(left, 80) - 1)) + "\n"
        lines.append(line)
        left -= len(line)
    return "".join(lines)
