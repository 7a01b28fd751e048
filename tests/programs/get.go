// Gets a page three times, in a full handshake, resumed, and with a certificate, which is the server's
// own: get URL CERTIFICATE KEY VERSION, where VERSION is 1.2 or 1.3. Logs its keys to $SSLKEYLOGFILE.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
)

func main() {
	pem, err := os.ReadFile(os.Args[2])
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	log, err := os.OpenFile(os.Getenv("SSLKEYLOGFILE"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0600)
	check(err)
	sessions := tls.NewLRUClientSessionCache(1)
	config := &tls.Config{RootCAs: roots, KeyLogWriter: log, ClientSessionCache: sessions}
	config.MinVersion = tls.VersionTLS13
	if os.Args[4] == "1.2" {
		config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	}
	get(config, false)
	get(config, true)
	own, err := tls.LoadX509KeyPair(os.Args[2], os.Args[3])
	check(err)
	config.Certificates, config.ClientSessionCache = []tls.Certificate{own}, nil
	get(config, false)
}

func get(config *tls.Config, resumed bool) {
	client := http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	answer, err := client.Get(os.Args[1])
	check(err)
	_, err = io.Copy(os.Stdout, answer.Body)
	check(err)
	if answer.TLS.DidResume != resumed {
		panic("not the kind of handshake that was to be")
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
