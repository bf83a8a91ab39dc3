// peer: Go's net/http as a foreign server or client of mutual TLS: see ../peer.py.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func pool(file string) *x509.CertPool {
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(must(os.ReadFile(file))) {
		log.Fatalf("%s: no certificate in it", file)
	}
	return authorities
}

func answer(writer http.ResponseWriter, request *http.Request) {
	fmt.Fprintf(writer, "go %s\n", request.TLS.PeerCertificates[0].Subject.CommonName)
}

func serve(file string) {
	for _, line := range strings.Split(strings.TrimSpace(string(must(os.ReadFile(file)))), "\n") {
		words := strings.Fields(line)
		config := &tls.Config{
			Certificates: []tls.Certificate{must(tls.LoadX509KeyPair(words[2], words[3]))},
			ClientCAs:    pool(words[4]),
			ClientAuth:   tls.RequireAndVerifyClientCert,
		}
		listener := must(tls.Listen("tcp", net.JoinHostPort(words[0], words[1]), config))
		go http.Serve(listener, http.HandlerFunc(answer))
	}
	fmt.Println("ready")
	select {}
}

func post(words []string) {
	config := &tls.Config{ServerName: words[2], RootCAs: pool(words[3])}
	if len(words) == 7 {
		certificate := must(tls.LoadX509KeyPair(words[5], words[6]))
		// Also where the server would not like it, which Go would otherwise find out first, and send none.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &certificate, nil
		}
	}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(words[0], words[1]))
	}
	client := &http.Client{
		Timeout:   20 * time.Second,
		Transport: &http.Transport{TLSClientConfig: config, DialContext: dial, DisableKeepAlives: true},
	}
	body := bytes.NewReader(must(os.ReadFile(words[4])))
	response := must(client.Post("https://"+words[2]+"/matrix", "application/octet-stream", body))
	must(io.Copy(os.Stdout, response.Body))
}

func main() {
	log.SetFlags(0)
	if os.Args[1] == "serve" {
		serve(os.Args[2])
	} else {
		post(os.Args[2:])
	}
}
