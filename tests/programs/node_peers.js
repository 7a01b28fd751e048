// A TLS client (this process) and server (a child), as Node does it: OpenSSL sees no socket.
// Usage: node_peers.js CERT KEY. Each end prints what it moved, as tlsdrive does.
"use strict";
const { fork } = require("child_process");
const { createHash, randomBytes } = require("crypto");
const fs = require("fs");
const tls = require("tls");

const SIZES = [1, 1000, 16384, 16385, 300000];

class End {
  constructor(role, socket) {
    this.role = role;
    this.socket = socket;
    this.at = [`${socket.localAddress}:${socket.localPort}`, `${socket.remoteAddress}:${socket.remotePort}`];
    this.sums = { read: [0, createHash("sha256")], write: [0, createHash("sha256")] };
    this.waiting = null;
    socket.on("data", (data) => this.got(data));
  }

  add(direction, data) {
    this.sums[direction][0] += data.length;
    this.sums[direction][1].update(data);
  }

  got(data) {
    this.add("read", data);
    if (this.waiting && this.sums.read[0] >= this.waiting.until) {
      const { resolve } = this.waiting;
      this.waiting = null;
      resolve();
    }
  }

  get(size) {
    const until = (this.wanted = (this.wanted || 0) + size);
    return new Promise((resolve) => {
      if (this.sums.read[0] >= until) resolve();
      else this.waiting = { until, resolve };
    });
  }

  put(size) {
    const data = randomBytes(size);
    this.add("write", data);
    return new Promise((resolve) => this.socket.write(data, resolve));
  }

  report() {
    const line = { line: "conn", role: this.role, pid: process.pid, tid: process.pid };
    [line.local, line.remote] = this.at;
    for (const [direction, [len, digest]] of Object.entries(this.sums))
      line[direction] = { len, sha256: digest.digest("hex") };
    fs.writeSync(1, JSON.stringify(line) + "\n");
  }

  async talk() {
    for (const size of SIZES) {
      if (this.role === "client") {
        await this.put(size);
        await this.get(2 * size);
      } else {
        await this.get(size);
        await this.put(2 * size);
      }
    }
    this.report();
    this.socket.end();
  }
}

const [cert, key] = process.argv.slice(2).map((path) => fs.readFileSync(path));

if (process.send) {
  const server = tls.createServer({ cert, key }, (socket) => {
    server.close();
    new End("server", socket).talk();
  });
  server.listen(0, "127.0.0.1", () => {
    process.send(server.address().port);
    process.disconnect();
  });
} else {
  fork(__filename, process.argv.slice(2)).on("message", (port) => {
    const socket = tls.connect({ host: "127.0.0.1", port, servername: "localhost", ca: cert }, () =>
      new End("client", socket).talk(),
    );
  });
}
