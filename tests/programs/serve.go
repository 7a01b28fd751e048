// Serves a page over TLS: serve CERTIFICATE KEY. Asks clients for a certificate, which may be any,
// and logs its keys to $SSLKEYLOGFILE.
package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
	page := http.HandlerFunc(func(to http.ResponseWriter, _ *http.Request) { to.Write([]byte("hello")) })
	log, err := os.Create(os.Getenv("SSLKEYLOGFILE"))
	check(err)
	config := &tls.Config{ClientAuth: tls.RequestClientCert, KeyLogWriter: log}
	server := http.Server{Handler: page, TLSConfig: config}
	check(server.ServeTLS(listener, os.Args[1], os.Args[2]))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
