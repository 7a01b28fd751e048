// An HTTPS server that answers every request with the same bytes, and a client of another one.
// Usage: node_https.js serve CERT KEY BODY | node_https.js fetch CERT URL FILE
"use strict";
const fs = require("fs");
const https = require("https");

const [verb, cert, ...rest] = process.argv.slice(2);

if (verb === "serve") {
  const [key, body] = rest.map((path) => fs.readFileSync(path));
  const server = https.createServer({ cert: fs.readFileSync(cert), key }, (request, response) => {
    request.resume();
    request.on("end", () => {
      response.setHeader("Content-Length", body.length);
      response.end(body);
    });
  });
  server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
} else {
  const [url, file] = rest;
  https.get(url, { ca: fs.readFileSync(cert), agent: false }, (response) => {
    console.log(`port ${response.socket.localPort}`);
    response.pipe(fs.createWriteStream(file));
  });
}
