// Command goclient is net/http with a Proxy. Usage: SCENARIO URL [FILE]; PROXY and CA_FILE from the
// environment; one line of JSON.
package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

type told struct {
	Status      int         `json:"status"`
	Length      int64       `json:"length"`
	SHA256      string      `json:"sha256"`
	ProxyStatus string      `json:"proxy_status,omitempty"`
	Trailers    http.Header `json:"trailers,omitempty"`
	Reused      bool        `json:"reused"`
}

func newClient() *http.Client {
	proxy, err := url.Parse(os.Getenv("PROXY"))
	if err != nil {
		panic(err)
	}
	authority, err := os.ReadFile(os.Getenv("CA_FILE"))
	if err != nil {
		panic(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	return &http.Client{
		Timeout: 20 * time.Second,
		Transport: &http.Transport{
			Proxy:                 http.ProxyURL(proxy),
			TLSClientConfig:       &tls.Config{RootCAs: trusted},
			ExpectContinueTimeout: 10 * time.Second,
		},
	}
}

func read(response *http.Response) (told, error) {
	defer response.Body.Close()
	digest := sha256.New()
	length, err := io.Copy(digest, response.Body)
	return told{
		Status:      response.StatusCode,
		Length:      length,
		SHA256:      hex.EncodeToString(digest.Sum(nil)),
		ProxyStatus: response.Header.Get("Proxy-Status"),
		Trailers:    response.Trailer,
	}, err
}

func main() {
	scenario, found := scenarios[os.Args[1]]
	if !found {
		fmt.Fprintln(os.Stderr, "no scenario", os.Args[1])
		os.Exit(2)
	}
	result, err := scenario(os.Args[2:])
	if err != nil {
		result = map[string]string{"error": err.Error()}
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		panic(err)
	}
}
