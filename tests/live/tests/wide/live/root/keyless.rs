//! A library whose keys are not read is named with the process that uses it.

use live::{KeyCapture, KeyServer, Process, python};

use super::package;

/// Amazon's client: s2n, linked into a Python module that keeps its symbols.
const FETCH: &str = "import awscrt, sys
from awscrt import http, io
group = io.EventLoopGroup(1)
bootstrap = io.ClientBootstrap(group, io.DefaultHostResolver(group))
options = io.TlsContextOptions()
options.override_default_trust_store_from_path(None, sys.argv[2])
for _ in range(3):
    tls = io.ClientTlsContext(options).new_connection_options()
    tls.set_server_name('localhost')
    way = http.HttpClientConnection.new('127.0.0.1', int(sys.argv[1]), bootstrap,
        tls_connection_options=tls)
    connection = way.result(20)
    stream = connection.request(http.HttpRequest('GET', '/'))
    stream.activate()
    print('status', stream.completion_future.result(20))
print('awscrt', awscrt.__version__)";

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn s2n_in_awscrt() {
    let path = package("awscrt-0.38.1-x86_64");
    let capture = KeyCapture::start_with(&["--comm", "python3"]);
    let server = KeyServer::start(&["-www"]);
    let mut command = python();
    command.args(["-c", FETCH, &server.port()]).arg(server.cert().pem());
    command.env("PYTHONPATH", &path);
    let ended = Process::start(command).finish().success();
    let said = ended.stdout_text();
    assert_eq!(said.matches("status 200").count(), 3, "{said}");
    println!("{said}");
    server.stop();
    let pid = ended.pid;
    capture.await_said(&format!(" of PID {pid} (python3, s2n in "));
    let (_, said) = capture.stop();
    let of = format!("no keys for 3 connections of PID {pid} (python3, s2n in ");
    let last = said.lines().rfind(|line| line.contains(&of)).unwrap_or_else(|| panic!("{said}"));
    assert!(last.contains("_awscrt.abi3.so"), "{last}");
}
