// An HTTP/2 server and a client of it, in one process, with one connection that lives on.
// Usage: node_http2_late.js CERT KEY. Each line of standard input is a round: a request with a body
// that is answered with the same body. Prints `round N` after each. What both sides send in fields
// grows: `x-first` in every round, `x-second` from the second one on.
"use strict";
const fs = require("fs");
const http2 = require("http2");
const readline = require("readline");

const [cert, key] = process.argv.slice(2, 4).map((path) => fs.readFileSync(path));
const server = http2.createSecureServer({ cert, key });

const fields = (side, round) => {
  const all = { "x-first": `${side} before` };
  if (round > 1) all["x-second"] = `${side} since`;
  return all;
};

server.on("stream", (stream, headers) => {
  const parts = [];
  stream.on("data", (data) => parts.push(data));
  stream.on("end", () => {
    const round = Number(headers[":path"].slice(1));
    stream.respond({ ":status": 200, ...fields("server", round) });
    stream.end(Buffer.concat(parts));
  });
});

server.listen(0, "127.0.0.1", () => {
  const client = http2.connect(`https://localhost:${server.address().port}`, { ca: cert });
  let round = 0;
  const lines = readline.createInterface({ input: process.stdin });
  lines.on("line", () => {
    const now = ++round;
    const stream = client.request({ ":method": "POST", ":path": `/${now}`, ...fields("client", now) });
    stream.on("data", () => {});
    stream.on("end", () => console.log(`round ${now}`));
    stream.end(`body of round ${now}`);
  });
  lines.on("close", () => {
    client.close();
    server.close();
  });
  console.log("listening");
});
