// An HTTP/2 server that asks clients for a certificate, which may be any, and logs its keys:
// node_http2_keys.js CERT KEY LOG GREATEST-VERSION. Says `port N`, then how each connection came about.
"use strict";
const fs = require("fs");
const [cert, key] = process.argv.slice(2, 4).map((path) => fs.readFileSync(path));
const [log, maxVersion] = process.argv.slice(4);
const asks = { cert, key, maxVersion, requestCert: true, rejectUnauthorized: false };
const server = require("http2").createSecureServer(asks);
server.on("keylog", (line) => fs.appendFileSync(log, line));
server.on("secureConnection", (socket) => {
  const own = socket.getPeerCertificate().subject ? "with a certificate" : "without";
  console.log(socket.isSessionReused() ? "resumed" : "full", own);
});
server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
