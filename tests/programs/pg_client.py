"""Asks a PostgreSQL server all kinds of things over TLS, after each line of standard input.

Usage: pg_client.py HOST PORT CERT SCENARIO. Says `connected PID` (the server's process) and, at the
end, `done`.
"""
import sys
import threading

import psycopg


def connect():
    return psycopg.connect(
        host=host, port=port, dbname="shop", user="bob", autocommit=True,
        sslmode="verify-full", sslrootcert=cert,
    )


def say(*words):
    print(*words, flush=True)


def statements(conn):
    conn.execute(";")
    conn.execute("CREATE TABLE t (a int, b text)")
    conn.execute("SELECT 1 AS one; SELECT 2; INSERT INTO t VALUES (1, 'it''s')")
    for number in range(3):
        conn.execute("INSERT INTO t VALUES (%s, %s)", (number, "text %d" % number), prepare=True)
    conn.execute("SELECT a FROM t WHERE a = %b AND b IS NOT DISTINCT FROM %s", (70_000, None))
    conn.execute("SELECT generate_series(1, 1000)").fetchall()
    try:
        conn.execute("SELECT * FROM missing WHERE x = 7")
    except psycopg.errors.UndefinedTable:
        pass
    try:
        conn.execute("SELECT a / %s FROM t", (0,))
    except psycopg.errors.DivisionByZero:
        pass
    with conn.cursor().copy("COPY t FROM STDIN") as copy:
        for number in range(500):
            copy.write_row((number, "row"))
    with conn.cursor().copy("COPY t TO STDOUT") as copy:
        for _ in copy:
            pass
    conn.execute("ALTER ROLE bob PASSWORD 'hunter2'")
    with conn.pipeline():
        for number in range(20):
            conn.execute("SELECT %s + 1", (number,))


def long(conn):
    for length in (100_000, 1 << 24):
        text = "SELECT length('%s')" % ("x" * (length - 17))
        assert len(text) == length, len(text)
        conn.execute(text)


def cancelled(conn):
    other = connect()
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"

    def cancel():
        while other.execute(asleep, (conn.info.backend_pid,)).fetchone()[0] == 0:
            pass
        conn.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        conn.execute("SELECT pg_sleep(600)")
    except psycopg.errors.QueryCanceled:
        pass
    thread.join()
    other.close()


host, port, cert, scenario = sys.argv[1:]
conn = connect()
say("connected", conn.info.backend_pid)
for line in sys.stdin:
    break
globals()[scenario](conn)
conn.close()
say("done")
