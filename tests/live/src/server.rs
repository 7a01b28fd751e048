//! Real servers in a directory and at an address of their own.

use std::{
    fs,
    net::Ipv4Addr,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::process::Signal;

use crate::{
    cert::Cert,
    process::{Finished, Process},
};

/// A loopback address that no other running test uses, so that any port is free at it.
pub(crate) fn own_address() -> Ipv4Addr {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id().wrapping_mul(16) + COUNT.fetch_add(1, Ordering::Relaxed);
    Ipv4Addr::from_bits(0x7f80_0000 | (number & 0x007f_ffff))
}

/// nginx in the foreground, with an access log that counts bytes.
#[derive(Debug)]
pub struct Nginx {
    process: Process,
    cert: Cert,
    address: Ipv4Addr,
    /// The worker processes.
    pub workers: Vec<u32>,
}

/// One request as nginx counted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The worker.
    pub pid: u32,
    /// The client's port.
    pub remote_port: u16,
    /// Bytes of the request.
    pub request: u64,
    /// Bytes of the answer, with its head.
    pub sent: u64,
}

impl Nginx {
    /// Starts it with so many workers. `files` are what it serves: name, content.
    #[track_caller]
    pub fn start(workers: usize, files: &[(&str, &[u8])]) -> Self {
        Self::speaking("TLSv1 TLSv1.1 TLSv1.2", workers, files)
    }

    /// The same with these versions of TLS, as its configuration names them.
    #[track_caller]
    pub fn speaking(versions: &str, workers: usize, files: &[(&str, &[u8])]) -> Self {
        Self::configured("", versions, workers, files)
    }

    /// The same with more lines in its configuration, about this server.
    #[track_caller]
    pub fn configured(
        lines: &str,
        versions: &str,
        workers: usize,
        files: &[(&str, &[u8])],
    ) -> Self {
        let address = own_address();
        let cert = Cert::with(address);
        let dir = cert.dir();
        let html = dir.join("html");
        fs::create_dir(&html).expect("a directory");
        for (name, content) in files {
            fs::write(html.join(name), content).expect("a file");
        }
        let config = dir.join("nginx.conf");
        let text = config_text(lines, versions, workers, address, &dir.display().to_string());
        fs::write(&config, text).expect("a file");
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-e").arg("stderr").arg("-p").arg(dir).arg("-c").arg(&config);
        let process = Process::start(command);
        let mut started = Vec::new();
        let workers = process.stderr_line("that its workers run", |line| {
            let pid = line.split("start worker process ").nth(1)?.trim().parse().ok()?;
            started.push(pid);
            (started.len() == workers).then(|| started.clone())
        });
        Self { process, cert, address, workers }
    }

    /// The certificate that clients must trust.
    pub fn cert(&self) -> PathBuf {
        self.cert.pem()
    }

    /// The same, with its key and a folder.
    pub fn certificate(&self) -> &Cert {
        &self.cert
    }

    /// The address of one file.
    pub fn url(&self, file: &str) -> String {
        format!("https://{}:{PORT}/{file}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("{}:{PORT}", self.address)
    }

    /// The port of it.
    pub fn port(&self) -> u16 {
        PORT
    }

    /// Ends it when every request is answered, and reads what it counted.
    #[track_caller]
    pub fn stop(self) -> Vec<Served> {
        self.process.stop(Signal::QUIT).success();
        let log = fs::read_to_string(self.cert.dir().join("access.log")).expect("an access log");
        log.lines().map(served).collect()
    }
}

const PORT: u16 = 8443;

fn config_text(
    lines: &str,
    versions: &str,
    workers: usize,
    address: Ipv4Addr,
    dir: &str,
) -> String {
    let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {dir}/{what};\n"))
        .concat();
    format!(
        "daemon off; user root; worker_processes {workers}; pid {dir}/nginx.pid;
        error_log stderr notice;
        # nginx closes waiting connections when fewer than a sixteenth are free.
        events {{ worker_connections 4096; }}
        http {{
            {temp}
            log_format bytes '$pid $remote_port $request_length $bytes_sent';
            access_log {dir}/access.log bytes buffer=1m;
            keepalive_requests 100000000;
            # For clients that ask for it.
            gzip on; gzip_types *;
            server {{
                listen {address}:{PORT} ssl http2;
                ssl_protocols {versions};
                {lines}
                ssl_certificate {dir}/cert.pem;
                ssl_certificate_key {dir}/key.pem;
                root {dir}/html;
            }}
        }}\n"
    )
}

#[track_caller]
fn served(line: &str) -> Served {
    let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [pid, port, request, sent] = numbers[..] else { panic!("access log: {line}") };
    Served { pid: pid as u32, remote_port: port as u16, request, sent }
}

/// `openssl s_server` for one connection: sends what it is fed and prints what it gets.
#[derive(Debug)]
pub struct SServer {
    process: Process,
    cert: Cert,
    port: u16,
}

impl SServer {
    /// Starts it; the kernel chooses the port.
    #[track_caller]
    pub fn start() -> Self {
        let cert = Cert::new();
        let mut command = Command::new("openssl");
        command.args("s_server -accept 127.0.0.1:0 -naccept 1 -cert".split(' ')).arg(cert.pem());
        command.arg("-key").arg(cert.key());
        let process = Process::start(command);
        let port = process.stdout_line("where it listens", |line| {
            line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.parse().ok()
        });
        Self { process, cert, port }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The certificate that clients must trust.
    pub fn cert(&self) -> PathBuf {
        self.cert.pem()
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Waits until it has served its one connection.
    #[track_caller]
    pub fn finish(self) -> Finished {
        self.process.finish().success()
    }
}
