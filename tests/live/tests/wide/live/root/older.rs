//! Connections that were opened before the capture, by programs that carry a TLS library.

use std::{os::unix::fs::symlink, path::Path, process::Command};

use live::{Cert, KeyCapture, Nginx, Process, deadline, log_lines, source_path};

use super::{boringssl, package};

/// A session that keeps its connection: a request for each line on standard input.
const SESSION: &str = "import curl_cffi, sys
print('curl_cffi', curl_cffi.__version__, curl_cffi.Curl().version().decode(), flush=True)
session = curl_cffi.requests.Session(verify=sys.argv[2], http_version='v1')
for _ in sys.stdin:
    print(session.get(sys.argv[1]).text, flush=True)
";

/// BoringSSL keeps its secrets by direction, and python calls the functions of the library within
/// the wheel's own file. It logs its keys itself.
#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn curl_cffi_with_boringssl() {
    let path = package("curl_cffi-0.17.0-x86_64");
    let nginx = Nginx::speaking("TLSv1.3", 1, &[("page", b"hello")]);
    let dir = tempfile::tempdir().expect("a temporary directory");
    // By a name of its own; nginx has the same keys.
    let program = dir.path().join("curl-cffi");
    symlink("/usr/bin/python3", &program).expect("a free name");
    let connect = |log: &Path| {
        let mut command = Command::new(&program);
        command.args(["-c", SESSION, &nginx.url("page")]).arg(nginx.cert());
        command.env("PYTHONPATH", &path).env("SSLKEYLOGFILE", log);
        let client = Process::start(command);
        println!("{}", client.stdout_line("what it is", |line| Some(line.to_owned())));
        client
    };
    let ask = |client: &mut Process| {
        client.feed(b"\n", false);
        client.stdout_line("an answer", |line| line.contains("hello").then_some(()));
    };
    let log = dir.path().join("old.log");
    let mut old = connect(&log);
    ask(&mut old);
    let capture = KeyCapture::start_with(&["--comm", "curl-cffi", "-d"]);
    let mut new = connect(&dir.path().join("new.log"));
    ask(&mut new);
    capture.await_said("looking into connections of ");
    let mut lines = log_lines(&log);
    lines.retain(|line| !line.contains("_HANDSHAKE_"));
    assert_eq!(lines.len(), 3, "{lines:?}");
    let until = std::time::Instant::now() + deadline();
    loop {
        ask(&mut old);
        let captured = capture.so_far();
        if lines.iter().all(|line| captured.contains(line)) {
            break;
        }
        assert!(std::time::Instant::now() < until, "{lines:#?}\nnot in\n{captured:#?}");
    }
    assert_eq!(log_lines(&log).len(), 5, "it kept its connection");
    drop((old, new));
    nginx.stop();
    let (captured, said) = capture.stop();
    // Nothing else is told of it.
    let random = lines[0].split(' ').nth(1).expect("a random").to_owned();
    let about = captured.iter().filter(|line| line.contains(&random));
    assert_eq!(about.count(), 3, "{captured:#?}\n{said}");
}

/// The other side keeps the same two the other way round: each needs a handshake of its own.
#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn both_sides_of_boringssl() {
    let library = boringssl();
    let cert = Cert::new();
    let program = cert.dir().join("curl-cffi");
    symlink("/usr/bin/python3", &program).expect("a free name");
    let mut command = Command::new(&program);
    command.arg(source_path("tests/programs/boringssl_server.py")).arg(&library);
    command.arg(cert.pem()).arg(cert.key());
    let server = Process::start(command);
    let port: u16 =
        server.stdout_line("where it listens", |line| line.strip_prefix("port ")?.parse().ok());
    let connect = |name: &str| {
        let log = cert.dir().join(name);
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-tls1_3", "-connect"]);
        command.arg(format!("127.0.0.1:{port}")).arg("-keylogfile").arg(&log);
        let mut client = Process::start(command);
        client.feed(b"first\n", false);
        client.stdout_holds(b"first");
        (client, log)
    };
    let (mut old, log) = connect("old");
    let capture = KeyCapture::start_with(&["--comm", "curl-cffi"]);
    let mut lines = log_lines(&log);
    lines.retain(|line| !line.contains("_HANDSHAKE_"));
    let random = lines[0].split(' ').nth(1).expect("a random").to_owned();
    let about = || {
        let captured = capture.so_far();
        captured.into_iter().filter(|line| line.contains(&random)).collect::<Vec<_>>()
    };
    // A client of the same library teaches what is not so for a server.
    let nginx = Nginx::speaking("TLSv1.3", 1, &[("page", b"hello")]);
    let path = package("curl_cffi-0.17.0-x86_64");
    let fetch = |log: &Path| {
        let mut command = Command::new(&program);
        command.args(["-c", SESSION, &nginx.url("page")]).arg(nginx.cert());
        command.env("PYTHONPATH", &path).env("SSLKEYLOGFILE", log);
        let mut client = Process::start(command);
        client.feed(b"\n", false);
        client.stdout_line("an answer", |line| line.contains("hello").then_some(()));
        client
    };
    let client = fetch(&cert.dir().join("client"));
    capture.await_said("looking into connections of ");
    let mut speak = |line: &str| {
        old.feed(line.as_bytes(), false);
        old.stdout_holds(line.as_bytes());
    };
    for count in 0..20 {
        speak(&format!("early {count}\n"));
    }
    // What was found by then stands before what comes next.
    let later = cert.dir().join("later");
    drop(fetch(&later));
    let later = log_lines(&later);
    let until = std::time::Instant::now() + deadline();
    while !capture.so_far().contains(&later[0]) {
        assert!(std::time::Instant::now() < until, "no keys of a new connection");
    }
    assert_eq!(about(), Vec::<String>::new(), "nothing is known of servers");
    let (new, _) = connect("new");
    let until = std::time::Instant::now() + deadline();
    let mut count = 0;
    while about().len() < lines.len() {
        count += 1;
        speak(&format!("line {count}\n"));
        assert!(std::time::Instant::now() < until, "{lines:#?}\nnot in\n{:#?}", about());
    }
    let mut found = about();
    found.sort();
    lines.sort();
    assert_eq!(found, lines);
    drop((old, new, client, server));
    nginx.stop();
    capture.stop();
}
