//! Statements as real servers and clients exchange them over TLS, against the server's own log.

#[allow(clippy::module_inception)]
mod live {
    mod root {
        use std::collections::BTreeMap;
        use std::process::Command;
        use std::sync::{Mutex, MutexGuard, PoisonError};

        use live::{
            Capture, Logged, MariaDbServer, PostgresServer, Process, messages, of_kind, python,
            source_path,
        };
        use serde_json::Value;

        /// Statements whole, as they were sent, and room for those of 16 MiB.
        const ALL_OF_IT: &[&str] = &["--no-redact", "--max-body", "20000000", "--mapsize", "65536"];

        /// One server at a time: they are large.
        static TURN: Mutex<()> = Mutex::new(());

        fn turn() -> MutexGuard<'static, ()> {
            TURN.lock().unwrap_or_else(PoisonError::into_inner)
        }

        fn capture(comm: &str) -> Capture {
            Capture::decoding(&[&["--comm", comm], ALL_OF_IT].concat())
        }

        /// A client that has connected and waits, and the connection's number at the server.
        fn client(mut command: Command, args: &[String]) -> (Process, u64) {
            command.args(args);
            let process = Process::start(command);
            let id = process.stdout_line("that it is connected", |line| {
                line.strip_prefix("connected ")?.parse().ok()
            });
            (process, id)
        }

        fn program(name: &str) -> Command {
            let mut command =
                if name.ends_with(".pl") { Command::new("/usr/bin/perl") } else { python() };
            command.arg(source_path(&format!("tests/programs/{name}")));
            command
        }

        fn go_on(client: &mut Process) {
            client.feed(b"go\n", true);
            client.stdout_line("that it is done", |line| (line == "done").then_some(()));
        }

        /// All queries of a process.
        #[track_caller]
        fn queries(capture: Capture, pid: u32) -> Vec<Value> {
            let output = capture.output();
            let _dir = capture.stop_keeping();
            let all = messages(&output, pid);
            let of = |kind: &str| of_kind(&all, kind).into_iter().cloned().collect();
            let (loose, queries): (Vec<Value>, Vec<Value>) = (of("loose"), of("query"));
            assert!(loose.is_empty(), "{loose:?}");
            assert!(!queries.is_empty(), "nothing was told of {pid}");
            for query in &queries {
                assert_eq!(query["flaws"].as_array().map(Vec::len), Some(0), "{}", short(query));
            }
            queries
        }

        /// A message without its long texts.
        fn short(query: &Value) -> String {
            query.to_string().chars().take(600).collect()
        }

        fn text(query: &Value) -> &str {
            query["statement"].as_str().expect("a statement")
        }

        /// The only one whose text begins like this.
        #[track_caller]
        fn only<'a>(queries: &'a [Value], start: &str) -> &'a Value {
            let mut found = queries.iter().filter(|query| text(query).starts_with(start));
            let one = found.next().unwrap_or_else(|| panic!("no {start}"));
            assert!(found.next().is_none(), "two of {start}");
            one
        }

        /// What was told is what the server logged, in the same order on each connection.
        #[track_caller]
        fn assert_logged(told: &[(u64, String)], logged: &[Logged]) {
            let mut by_id: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
            told.iter().for_each(|(id, text)| by_id.entry(*id).or_default().push(text));
            for (id, told) in by_id {
                let of_it = logged.iter().filter(|one| one.server_id == id);
                let logged: Vec<&str> = of_it.map(|one| one.statement.as_str()).collect();
                let cut = |all: &[&str]| -> Vec<String> {
                    all.iter().map(|text| text.chars().take(100).collect()).collect()
                };
                assert!(told == logged, "{id}:\n{:#?}\n{:#?}", cut(&told), cut(&logged));
            }
        }

        fn executed(queries: &[Value]) -> Vec<(u64, String)> {
            let ran =
                |query: &&Value| matches!(query["command"].as_str(), Some("query" | "execute"));
            let one = |query: &Value| {
                let id = query["server_id"].as_u64().expect("the server's number");
                (id, text(query).to_owned())
            };
            queries.iter().filter(ran).map(one).collect()
        }

        fn postgres(scenario: &str, comm: &str) -> (Vec<Value>, u64, Vec<Logged>) {
            let _turn = turn();
            let server = PostgresServer::start();
            let capture = capture(comm);
            let (host, port) = server.address();
            let cert = server.cert().display().to_string();
            let args = [host, port.to_string(), cert, scenario.to_owned()];
            let (mut client, id) = client(program("pg_client.py"), &args);
            go_on(&mut client);
            let pid = if comm == "postgres" { id as u32 } else { client.pid() };
            client.finish().success();
            let queries = queries(capture, pid);
            let mut logged = server.stop();
            // What is never told as it was sent.
            for one in &mut logged {
                one.statement = one.statement.replace("'hunter2'", "***");
            }
            (queries, id, logged)
        }

        /// Both ends tell the same, and what the server logged.
        #[test]
        fn postgres_statements() {
            for comm in ["postgres", "python3"] {
                let (queries, id, logged) = postgres("statements", comm);
                let login = &queries[0];
                assert_eq!(login["command"], "login", "{login}");
                for query in &queries {
                    assert_eq!(query["protocol"], "PostgreSQL");
                    assert_eq!((&query["db"], &query["user"]), (&"shop".into(), &"bob".into()));
                    assert_eq!(query["server_id"], id);
                }
                assert_logged(&executed(&queries), &logged);
                assert_eq!(only(&queries, ";")["outcome"], "done");
                let several = only(&queries, "SELECT 1 AS one;");
                assert_eq!((&several["results"], &several["rows"]), (&3.into(), &3.into()));
                assert_eq!(only(&queries, "SELECT generate")["rows"], 1000);
                let found = only(&queries, "SELECT a FROM t");
                assert_eq!(found["params"][0][1], "70000", "{found}");
                assert_eq!(found["params"][1][1], Value::Null, "{found}");
                let missing = only(&queries, "SELECT * FROM missing");
                assert_eq!(missing["error"]["sqlstate"], "42P01", "{missing}");
                assert_eq!(missing["outcome"], "error");
                let zero = only(&queries, "SELECT a / $1");
                assert_eq!(zero["error"]["sqlstate"], "22012", "{zero}");
                let copied = only(&queries, "COPY t FROM");
                assert_eq!((&copied["rows"], &copied["tag"]), (&500.into(), &"COPY 500".into()));
                assert_eq!(
                    copied["copied"],
                    (0..500).map(|n: u32| n.to_string().len() as u64 + 5).sum::<u64>()
                );
                assert_eq!(only(&queries, "COPY t TO")["rows"], 504);
                let inserted: Vec<&Value> =
                    queries.iter().filter(|query| text(query).starts_with("INSERT")).collect();
                assert_eq!(inserted.len(), 3);
                for (number, query) in inserted.iter().enumerate() {
                    assert_eq!(query["command"], "execute");
                    assert_eq!(query["params"][0][1], number.to_string(), "{query}");
                    assert_eq!(query["params"][1][1], format!("text {number}"), "{query}");
                    assert_eq!(query["tag"], "INSERT 0 1");
                    assert!(query["total_ns"].as_u64() > Some(0), "{query}");
                }
                let piped = queries.iter().filter(|query| text(query) == "SELECT $1 + 1");
                let piped: Vec<&Value> = piped.collect();
                assert_eq!(piped.len(), 20);
                for (number, query) in piped.iter().enumerate() {
                    assert_eq!(query["params"][0][1], number.to_string(), "{query}");
                    assert_eq!((&query["outcome"], &query["rows"]), (&"done".into(), &1.into()));
                }
            }
        }

        #[test]
        fn long_statements_of_postgres() {
            let (queries, _, logged) = postgres("long", "postgres");
            let lengths: Vec<u64> =
                queries.iter().filter_map(|query| query["statement_len"].as_u64()).collect();
            assert_eq!(lengths, [0, 100_000, 1 << 24]);
            assert_logged(&executed(&queries), &logged);
        }

        #[test]
        fn a_cancelled_query_of_postgres() {
            let (queries, ..) = postgres("cancelled", "postgres");
            let asleep = only(&queries, "SELECT pg_sleep");
            assert_eq!(asleep["error"]["sqlstate"], "57014", "{asleep}");
        }

        fn mariadb(name: &str, scenario: &[&str], comm: &str) -> (Vec<Value>, u64, Vec<Logged>) {
            let _turn = turn();
            let server = MariaDbServer::start();
            let capture = capture(comm);
            let (host, port) = server.address();
            let cert = server.cert().display().to_string();
            let mut args = vec![host, port.to_string(), cert];
            args.extend(scenario.iter().map(|&one| one.to_owned()));
            if !scenario.is_empty() {
                args.push(server.room().display().to_string());
            }
            let (mut client, id) = client(program(name), &args);
            go_on(&mut client);
            let pid = if comm == "mariadbd" { server.pid() } else { client.pid() };
            client.finish().success();
            let queries = queries(capture, pid);
            (queries, id, server.stop())
        }

        /// What ran, with the number that the server has for the client's connection: over TLS it is
        /// not told to anybody who sees no greeting.
        fn executed_on(queries: &[Value], id: u64) -> Vec<(u64, String)> {
            let ran =
                |query: &&Value| matches!(query["command"].as_str(), Some("query" | "execute"));
            queries.iter().filter(ran).map(|query| (id, text(query).to_owned())).collect()
        }

        /// The server's log has passwords masked of its own, and texts that fail to parse as well.
        fn without_password(logged: Vec<Logged>) -> Vec<Logged> {
            let alike = |one: Logged| match one.statement.starts_with("SET PASSWORD") {
                true => Logged { statement: "SET PASSWORD = PASSWORD(***)".to_owned(), ..one },
                false => one,
            };
            logged.into_iter().map(alike).collect()
        }

        #[test]
        fn mariadb_statements() {
            for comm in ["mariadbd", "python3"] {
                let (queries, id, logged) = mariadb("mariadb_client.py", &["statements"], comm);
                let login = &queries[0];
                assert_eq!(login["command"], "login", "{login}");
                for query in &queries {
                    assert_eq!(query["protocol"], "MySQL");
                    assert_eq!(query["user"], "bob");
                }
                assert_eq!(login["db"], "shop");
                assert_logged(&executed_on(&queries, id), &without_password(logged));
                let several = only(&queries, "SELECT 1 AS one;");
                assert_eq!((&several["results"], &several["rows"]), (&3.into(), &4.into()));
                assert_eq!(only(&queries, "SELECT seq")["rows"], 1000);
                assert_eq!(only(&queries, "SELECT a FROM t")["rows"], 0);
                assert_eq!(only(&queries, "INSERT INTO t VALUES (2")["rows"], 2);
                let missing = only(&queries, "SELECT * FROM missing");
                assert_eq!(missing["error"]["sqlstate"], "42S02", "{missing}");
                assert_eq!(missing["error"]["number"], 1146, "{missing}");
                assert_eq!(only(&queries, "SELEC 1")["error"]["sqlstate"], "42000");
                let loaded = only(&queries, "LOAD DATA");
                assert_eq!(loaded["rows"], 500, "{loaded}");
                assert_eq!(
                    loaded["copied"],
                    (0..500).map(|n: u32| n.to_string().len() as u64 + 5).sum::<u64>()
                );
                assert_eq!(only(&queries, "SET PASS")["statement"], "SET PASSWORD = PASSWORD(***)");
                let used = queries.iter().find(|query| query["command"] == "use").expect("one");
                assert_eq!(used["statement"], "other");
                assert_eq!(only(&queries, "SELECT DATABASE")["db"], "other");
            }
        }

        #[test]
        fn prepared_statements_of_mariadb() {
            let (queries, id, logged) = mariadb("mariadb_client.pl", &[], "mariadbd");
            let inserted: Vec<&Value> =
                queries.iter().filter(|query| text(query).starts_with("INSERT")).collect();
            assert_eq!(inserted.len(), 20);
            for (index, query) in inserted.iter().enumerate() {
                let number = index + 1;
                assert_eq!(query["command"], "execute", "{query}");
                assert_eq!(query["params"][0][1], number.to_string(), "{query}");
                let second =
                    if number % 5 > 0 { format!("text {number}").into() } else { Value::Null };
                assert_eq!(query["params"][1][1], second, "{query}");
                assert_eq!(query["rows"], 1, "{query}");
            }
            let selected: Vec<&Value> =
                queries.iter().filter(|query| text(query).starts_with("SELECT a")).collect();
            let rows: Vec<u64> = selected.iter().filter_map(|one| one["rows"].as_u64()).collect();
            assert_eq!(rows, [20, 10, 0]);
            let wrong = only(&queries, "SELEC ?");
            assert_eq!(
                (&wrong["command"], &wrong["outcome"]),
                (&"prepare".into(), &"error".into())
            );
            // The server logs an execution with its values in it.
            let told = executed_on(&queries, id);
            let logged: Vec<_> = logged.into_iter().filter(|one| one.server_id == id).collect();
            assert_eq!(told.len(), logged.len(), "{told:#?}\n{logged:#?}");
        }

        #[test]
        fn long_statements_of_mariadb() {
            let (queries, id, logged) = mariadb("mariadb_client.py", &["long"], "mariadbd");
            let lengths: Vec<u64> = queries
                .iter()
                .filter(|query| text(query).starts_with("SELECT length"))
                .filter_map(|query| query["statement_len"].as_u64())
                .collect();
            assert_eq!(lengths, [100_000, 1 << 24]);
            // The column of the server's log (MEDIUMTEXT) has room for one byte less.
            let mut told = executed_on(&queries, id);
            told.iter_mut().for_each(|(_, text)| text.truncate((1 << 24) - 1));
            assert_logged(&told, &logged);
        }

        #[test]
        fn a_cancelled_query_of_mariadb() {
            let (queries, ..) = mariadb("mariadb_client.py", &["cancelled"], "mariadbd");
            let asleep = only(&queries, "SELECT 1 FROM (SELECT SLEEP");
            assert_eq!(asleep["error"]["number"], 1317, "{asleep}");
        }
    }
}
