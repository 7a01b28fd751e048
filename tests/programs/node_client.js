// Asks `openssl s_server -www` for a page three times: in a full handshake, resumed, and with a certificate.
// Arguments: port, greatest version, certificate (the server's and the client's), its key.
const fs = require('fs'), tls = require('tls');
const [port, maxVersion, certFile, keyFile] = process.argv.slice(2);
const own = { cert: fs.readFileSync(certFile), key: fs.readFileSync(keyFile) };
const server = { host: '127.0.0.1', port, servername: 'localhost', ca: own.cert, maxVersion };

function ask(how, ...words) {
    return new Promise((done, failed) => {
        let kept;
        const socket = tls.connect({ ...server, ...how }, () => {
            socket.write('GET / HTTP/1.0\r\n\r\n');
        });
        socket.on('session', (session) => { kept = session; });
        let page = '';
        socket.on('data', (data) => { page += data; }).on('end', () => {
            const missing = words.find((word) => !page.includes(word));
            if (missing) failed(new Error(`no ${missing}: ${page}`));
            socket.end();
        });
        socket.on('error', failed).on('close', () => done(kept));
    });
}

async function all() {
    const session = await ask({}, '\nNew, ', 'no client certificate');
    await ask({ session }, '\nReused, ');
    await ask(own, '\nNew, ', '\nClient certificate');
    const { version, versions } = process;
    console.log('node', version, 'OpenSSL', versions.openssl, maxVersion);
}

all().catch((why) => {
    console.error(why);
    process.exit(1);
});
