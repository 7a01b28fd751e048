// An HTTP/2 server and a client of it, in one process, with many streams at once.
// Usage: node_http2.js CERT KEY STREAMS. Each stream sends a body of its own and gets it back twice,
// with trailers; every third one is reset by the client instead. Prints a line for each.
"use strict";
const fs = require("fs");
const http2 = require("http2");

const [cert, key] = process.argv.slice(2, 4).map((path) => fs.readFileSync(path));
const count = Number(process.argv[4]);
const server = http2.createSecureServer({ cert, key });

server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  const parts = [];
  stream.on("data", (data) => parts.push(data));
  stream.on("end", () => {
    if (headers["x-reset"]) return;
    const body = Buffer.concat(parts);
    stream.respond({ ":status": 200, "x-number": headers["x-number"] }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": String(body.length) }));
    stream.write(body);
    stream.end(body);
  });
});

server.listen(0, "127.0.0.1", () => {
  const client = http2.connect(`https://localhost:${server.address().port}`, { ca: cert });
  let left = count;
  for (let number = 0; number < count; number++) {
    const reset = number % 3 === 2;
    const headers = { ":method": "POST", ":path": `/${number}`, "x-number": String(number) };
    const stream = client.request(reset ? { ...headers, "x-reset": "1" } : headers);
    const body = Buffer.alloc(number * 500, `${number} `);
    stream.on("data", () => {});
    stream.on("error", () => {});
    stream.on("close", () => {
      console.log(`${reset ? "reset" : "answered"} ${number}`);
      if (--left === 0) {
        client.close();
        server.close();
      }
    });
    if (reset) stream.write(body, () => setImmediate(() => stream.close(http2.constants.NGHTTP2_CANCEL)));
    else stream.end(body);
  }
});
