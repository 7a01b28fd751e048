// An HTTPS server that asks clients for a certificate, which may be any: node_asks.js CERT KEY
"use strict";
const fs = require("fs");
const [cert, key] = process.argv.slice(2).map((path) => fs.readFileSync(path));
const asks = { cert, key, requestCert: true, rejectUnauthorized: false };
const server = require("https").createServer(asks, (request, response) => response.end("hello"));
server.listen(0, "127.0.0.1", () => {
  console.log(`port ${server.address().port}`);
  console.log(`node ${process.version} OpenSSL ${process.versions.openssl}`);
});
