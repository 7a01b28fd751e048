#!/usr/bin/perl
# Runs prepared statements of the binary protocol through libmariadb, over TLS, after a line of
# standard input. Usage: mariadb_client.pl HOST PORT CERT. Says `connected ID` and, at the end, `done`.
use strict;
use warnings;
use DBI;

$| = 1;
my ($host, $port, $cert) = @ARGV;
my $dbh = DBI->connect(
    "DBI:MariaDB:database=shop;host=$host;port=$port;mariadb_ssl=1;mariadb_ssl_ca_file=$cert;"
        . "mariadb_ssl_verify_server_cert=0;mariadb_ssl_optional=1",
    "bob", "hunter2", { RaiseError => 1, PrintError => 0, mariadb_server_prepare => 1 });
print "connected $dbh->{mariadb_thread_id}\n";
<STDIN>;
$dbh->do("CREATE TABLE p (a bigint, b text)");
my $insert = $dbh->prepare("INSERT INTO p VALUES (?, ?)");
for my $number (1 .. 20) {
    $insert->execute($number, $number % 5 ? "text $number" : undef);
}
my $select = $dbh->prepare("SELECT a, b FROM p WHERE a > ?");
for my $number (0, 10, 20) {
    $select->execute($number);
    $select->fetchall_arrayref;
}
eval { $dbh->prepare("SELEC ?")->execute(1) };
$dbh->disconnect;
print "done\n";
