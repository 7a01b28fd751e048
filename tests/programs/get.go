// Gets a page: get URL CERTIFICATE VERSION, where VERSION is 1.2 or 1.3.
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
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}
	if os.Args[3] == "1.2" {
		config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	answer, err := client.Get(os.Args[1])
	check(err)
	_, err = io.Copy(io.Discard, answer.Body)
	check(err)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
