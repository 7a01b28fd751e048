// Asks a server for a page three times: in a full handshake, resumed, and with a certificate.
// Arguments: port, greatest version, certificate (the server's and the client's), its key.
const fs = require('fs'), tls = require('tls');
const [port, maxVersion, certFile, keyFile] = process.argv.slice(2);
const own = { cert: fs.readFileSync(certFile), key: fs.readFileSync(keyFile) };
const server = { host: '127.0.0.1', port, servername: 'localhost', ca: own.cert, maxVersion };

function ask(how) {
    return new Promise((done, failed) => {
        const found = {};
        const socket = tls.connect({ ...server, ...how }, () => {
            found.reused = socket.isSessionReused();
            socket.write('GET / HTTP/1.0\r\n\r\n');
        });
        socket.on('session', (session) => { found.session = session; });
        socket.on('data', () => {}).on('end', () => socket.end());
        socket.on('error', failed).on('close', () => done(found));
    });
}

async function all() {
    const { session } = await ask({});
    const { reused } = await ask({ session });
    if (!reused) throw new Error('not resumed');
    await ask(own);
    const { version, versions } = process;
    console.log('node', version, 'OpenSSL', versions.openssl, maxVersion);
}

all().catch((why) => {
    console.error(why);
    process.exit(1);
});
