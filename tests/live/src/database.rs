//! Database servers with data, address and log of their own. They refuse to run as root, so they run
//! as the users that Debian's packages have made for them.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    cert::Cert,
    file_wait::line_in_file,
    process::{Finished, Process},
    server::own_address,
};

/// A PostgreSQL server that logs each statement.
#[derive(Debug)]
pub struct PostgresServer {
    process: Process,
    cert: Cert,
    address: Ipv4Addr,
}

/// A MariaDB server that logs each statement.
#[derive(Debug)]
pub struct MariaDbServer {
    process: Process,
    cert: Cert,
    address: Ipv4Addr,
}

/// A statement in a server's own log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Logged {
    /// The connection's number at the server.
    pub server_id: u64,
    /// The text.
    pub statement: String,
}

/// A command that runs as another user.
fn as_user(user: &str, program: &Path) -> Command {
    let mut command = Command::new("/usr/bin/setpriv");
    command.args(["--reuid", user, "--regid", user, "--clear-groups", "--"]).arg(program);
    command
}

/// User and group of a name.
#[track_caller]
fn ids(user: &str) -> (u32, u32) {
    let passwd = fs::read_to_string("/etc/passwd").expect("users");
    let line = passwd.lines().find(|line| line.split(':').next() == Some(user));
    let line = line.unwrap_or_else(|| panic!("no user {user}: run scripts/setup.sh test"));
    let number = |field: usize| line.split(':').nth(field).and_then(|id| id.parse().ok());
    (number(2).expect("a uid"), number(3).expect("a gid"))
}

/// Gives a folder with a certificate to a user, who needs the key to be nobody else's.
fn give(cert: &Cert, user: &str) -> PathBuf {
    let (uid, gid) = ids(user);
    for path in [cert.dir(), &cert.pem(), &cert.key()] {
        chown(path, Some(uid), Some(gid)).expect("root may");
    }
    fs::set_permissions(cert.dir(), fs::Permissions::from_mode(0o755)).expect("root may");
    let data = cert.dir().join("data");
    fs::create_dir(&data).expect("a folder");
    chown(&data, Some(uid), Some(gid)).expect("root may");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).expect("root may");
    data
}

impl PostgresServer {
    /// Starts one with a database `shop` and a user `bob`.
    #[track_caller]
    pub fn start() -> Self {
        let (address, bin) = (own_address(), postgres_bin());
        let cert = Cert::with(address);
        let data = give(&cert, "postgres");
        let mut init = as_user("postgres", &bin.join("initdb"));
        init.args(["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "-U", "postgres"]);
        init.arg("-D").arg(&data);
        Process::start(init).finish().success();
        let dir = cert.dir().display();
        let (pem, key) = (cert.pem(), cert.key());
        let conf = format!(
            "listen_addresses = '{address}'\nport = {POSTGRES}\nunix_socket_directories = '{dir}'\n\
             ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\nfsync = off\n\
             logging_collector = on\nlog_destination = 'jsonlog'\nlog_directory = '{dir}/log'\n\
             log_filename = 'statements'\nlog_statement = 'all'\nlog_rotation_age = 0\n\
             log_rotation_size = 0\nmax_connections = 300\nautovacuum = off\n",
            pem.display(),
            key.display(),
        );
        fs::write(data.join("postgresql.auto.conf"), conf).expect("a file");
        let hba = format!("local all all trust\nhostssl all all {address}/8 trust\n");
        fs::write(data.join("pg_hba.conf"), hba).expect("a file");
        let mut command = as_user("postgres", &bin.join("postgres"));
        command.arg("-D").arg(&data);
        let server = Self { process: Process::start(command), cert, address };
        server.await_ready();
        for text in ["CREATE ROLE bob LOGIN SUPERUSER", "CREATE DATABASE shop OWNER bob"] {
            server.psql("postgres", text);
        }
        server
    }

    /// Waits until its log says so, which it says itself to where.
    #[track_caller]
    fn await_ready(&self) {
        self.process.stderr_line("where it logs", |line| {
            line.contains("redirecting log output").then_some(())
        });
        let ready = |line: &[u8]| {
            String::from_utf8_lossy(line).contains("ready to accept connections").then_some(())
        };
        line_in_file(&self.log(), ready).expect("a server that becomes ready");
    }

    fn log(&self) -> PathBuf {
        self.cert.dir().join("log/statements.json")
    }

    /// Runs a statement over the server's own socket.
    #[track_caller]
    pub fn psql(&self, db: &str, text: &str) -> String {
        let mut psql = Command::new(postgres_bin().join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-U", "postgres", "-p", &POSTGRES.to_string(), "-h"]);
        psql.arg(self.cert.dir()).args(["-d", db, "-c", text]);
        Process::start(psql).finish().success().stdout_text()
    }

    /// The server's first process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where it listens.
    pub fn address(&self) -> (String, u16) {
        (self.address.to_string(), POSTGRES)
    }

    /// Its certificate.
    pub fn cert(&self) -> PathBuf {
        self.cert.pem()
    }

    /// Ends it and reads what it logged, in order.
    #[track_caller]
    pub fn stop(self) -> Vec<Logged> {
        let path = self.log();
        self.process.stop(Signal::INT);
        let log = fs::read_to_string(path).expect("a log");
        log.lines().filter_map(logged).collect()
    }
}

/// What a line of PostgreSQL's log says of a statement.
fn logged(line: &str) -> Option<Logged> {
    let line: Value = serde_json::from_str(line).expect("JSON");
    let message = line["message"].as_str()?;
    let statement = match message.strip_prefix("statement: ") {
        Some(text) => text,
        // `execute NAME: text`
        None => message.strip_prefix("execute ")?.split_once(": ")?.1,
    };
    Some(Logged { server_id: line["pid"].as_u64()?, statement: statement.to_owned() })
}

/// The newest release that is installed.
#[track_caller]
fn postgres_bin() -> PathBuf {
    let mut all: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL: run scripts/setup.sh test")
        .map(|entry| entry.expect("an entry").path().join("bin"))
        .filter(|bin| bin.join("postgres").exists())
        .collect();
    all.sort();
    all.pop().expect("a release of PostgreSQL's server")
}

impl MariaDbServer {
    /// Starts one with databases `shop` and `other` and a user `bob`, whose password is `hunter2`.
    #[track_caller]
    pub fn start() -> Self {
        let address = own_address();
        let cert = Cert::with(address);
        let data = give(&cert, "mysql");
        let mut init = as_user("mysql", Path::new("/usr/bin/mariadb-install-db"));
        init.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"]);
        init.arg(format!("--datadir={}", data.display()));
        Process::start(init).finish().success();
        let setup = cert.dir().join("setup.sql");
        let text = "CREATE DATABASE shop;\nCREATE DATABASE other;\n\
                    CREATE USER bob IDENTIFIED BY 'hunter2';\nGRANT ALL ON *.* TO bob;\n";
        fs::write(&setup, text).expect("a file");
        fs::set_permissions(&setup, fs::Permissions::from_mode(0o644)).expect("root may");
        let mut command = as_user("mysql", Path::new("/usr/sbin/mariadbd"));
        command.args(["--no-defaults", "--skip-name-resolve", "--local-infile=1"]);
        command.arg("--require-secure-transport=1");
        command.args(["--general-log=1", "--log-output=TABLE", "--max-allowed-packet=64M"]);
        command.args(["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M"]);
        for (name, value) in [
            ("datadir", data.display().to_string()),
            ("socket", cert.dir().join("socket").display().to_string()),
            ("pid-file", cert.dir().join("pid").display().to_string()),
            ("bind-address", address.to_string()),
            ("port", MARIADB.to_string()),
            ("ssl-cert", cert.pem().display().to_string()),
            ("ssl-key", cert.key().display().to_string()),
            ("init-file", setup.display().to_string()),
        ] {
            command.arg(format!("--{name}={value}"));
        }
        let process = Process::start(command);
        process.stderr_line("that it is ready", |line| {
            line.contains("ready for connections").then_some(())
        });
        Self { process, cert, address }
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where it listens.
    pub fn address(&self) -> (String, u16) {
        (self.address.to_string(), MARIADB)
    }

    /// Its certificate.
    pub fn cert(&self) -> PathBuf {
        self.cert.pem()
    }

    /// A path that is free for a client's own file.
    pub fn room(&self) -> PathBuf {
        self.cert.dir().join("client")
    }

    /// Ends it, after what it logged was read, in order.
    #[track_caller]
    pub fn stop(self) -> Vec<Logged> {
        let mut client = Command::new("/usr/bin/mariadb");
        client.args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"]);
        client.arg("--max-allowed-packet=64M");
        client.arg(format!("--socket={}", self.cert.dir().join("socket").display()));
        client.arg("--execute").arg(
            "SELECT thread_id, HEX(argument) FROM mysql.general_log \
             WHERE command_type IN ('Query', 'Execute')",
        );
        let Finished { stdout, .. } = Process::start(client).finish().success();
        self.process.stop(Signal::TERM);
        let text = String::from_utf8(stdout).expect("text");
        text.lines().map(logged_by_mariadb).collect()
    }
}

fn logged_by_mariadb(line: &str) -> Logged {
    let (id, hex) = line.split_once('\t').expect("two columns");
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    let bytes = (0..hex.len()).step_by(2).map(byte).collect();
    let statement = String::from_utf8(bytes).expect("UTF-8");
    Logged { server_id: id.parse().expect("a number"), statement }
}

/// The ports, at addresses of their own.
const POSTGRES: u16 = 5432;
const MARIADB: u16 = 3306;
