"""Asks a MariaDB server all kinds of things over TLS, after a line of standard input.

Usage: mariadb_client.py HOST PORT CERT SCENARIO. Says `connected ID` (the server's number of the
connection) and, at the end, `done`.
"""
import ssl
import sys
import threading

import pymysql
from pymysql.constants import CLIENT


def connect():
    context = ssl.create_default_context(cafile=cert)
    return pymysql.connect(
        host=host, port=int(port), user="bob", password="hunter2", database="shop",
        ssl=context, client_flag=CLIENT.MULTI_STATEMENTS, max_allowed_packet=1 << 26,
        local_infile=True,
    )


def run(conn, text):
    with conn.cursor() as cursor:
        cursor.execute(text)
        while cursor.nextset():
            pass


def statements(conn):
    run(conn, "DO 1")
    run(conn, "CREATE TABLE t (a int, b text)")
    run(conn, "SELECT 1 AS one; SELECT 2 AS two UNION SELECT 3; INSERT INTO t VALUES (1, 'it''s')")
    run(conn, "INSERT INTO t VALUES (2, 'a'), (3, 'b')")
    run(conn, "SELECT seq FROM seq_1_to_1000")
    run(conn, "SELECT a FROM t WHERE a > 100")
    for wrong in ("SELECT * FROM missing WHERE x = 7", "SELEC 1"):
        try:
            run(conn, wrong)
        except pymysql.err.Error:
            pass
    with open(infile, "w") as file:
        for number in range(500):
            file.write("%d\trow\n" % number)
    run(conn, "LOAD DATA LOCAL INFILE '%s' INTO TABLE t" % infile)
    run(conn, "SET PASSWORD = PASSWORD('hunter2')")
    conn.select_db("other")
    run(conn, "SELECT DATABASE()")
    conn.ping()


def long(conn):
    for length in (100_000, 1 << 24):
        text = "SELECT length('%s')" % ("x" * (length - 17))
        assert len(text) == length, len(text)
        run(conn, text)


def cancelled(conn):
    other = connect()

    def cancel():
        asleep = "SELECT COUNT(*) FROM information_schema.processlist WHERE id = %s AND state = %s"
        with other.cursor() as cursor:
            while True:
                cursor.execute(asleep, (conn.thread_id(), "User sleep"))
                if cursor.fetchone()[0] > 0:
                    break
            cursor.execute("KILL QUERY %d" % conn.thread_id())

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        run(conn, "SELECT 1 FROM (SELECT SLEEP(600)) AS x")
    except pymysql.err.Error:
        pass
    thread.join()
    other.close()


host, port, cert, scenario, infile = sys.argv[1:]
conn = connect()
print("connected", conn.thread_id(), flush=True)
for line in sys.stdin:
    break
globals()[scenario](conn)
conn.close()
print("done", flush=True)
