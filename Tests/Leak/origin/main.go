// Command origin is an HTTP and HTTPS server that never closes a connection by itself and counts what
// reaches it. Counters are served as JSON on a control port of their own. It listens on as many addresses
// as it is given: each is a destination of its own.
package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// counters of one scheme; Open is connections accepted and not yet closed.
type counters struct {
	Connections int64 `json:"connections"`
	Open        int64 `json:"open"`
	Requests    int64 `json:"requests"`
}

func (c *counters) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		atomic.AddInt64(&c.Connections, 1)
		atomic.AddInt64(&c.Open, 1)
	case http.StateClosed, http.StateHijacked:
		atomic.AddInt64(&c.Open, -1)
	}
}

func (c *counters) snapshot() counters {
	return counters{
		Connections: atomic.LoadInt64(&c.Connections),
		Open:        atomic.LoadInt64(&c.Open),
		Requests:    atomic.LoadInt64(&c.Requests),
	}
}

func (c *counters) counting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		atomic.AddInt64(&c.Requests, 1)
		next.ServeHTTP(w, r)
	})
}

func number(r *http.Request, name string, otherwise int64) int64 {
	if value, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64); err == nil {
		return value
	}
	return otherwise
}

func span(r *http.Request, name string, otherwise time.Duration) time.Duration {
	if value, err := time.ParseDuration(r.URL.Query().Get(name)); err == nil {
		return value
	}
	return otherwise
}

func small(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, "a small answer, read to its end by the app")
}

// slow answers after ?after=, a Go duration.
func slow(w http.ResponseWriter, r *http.Request) {
	select {
	case <-time.After(span(r, "after", time.Second)):
		fmt.Fprintln(w, "at last")
	case <-r.Context().Done():
	}
}

// stream sends ?count= lines, one each ?every=.
func stream(w http.ResponseWriter, r *http.Request) {
	every := span(r, "every", 100*time.Millisecond)
	flusher, _ := w.(http.Flusher)
	for line := int64(0); line < number(r, "count", 10); line++ {
		fmt.Fprintf(w, "event %d\n", line)
		flusher.Flush()
		select {
		case <-time.After(every):
		case <-r.Context().Done():
			return
		}
	}
}

// bytes sends ?n= zero bytes.
func bytes(w http.ResponseWriter, r *http.Request) {
	n := number(r, "n", 1024)
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	_, _ = io.CopyN(w, zeroes{}, n)
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 0
	}
	return len(p), nil
}

func echo(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(w, r.Body)
}

// checksum answers with the length and SHA-256 of the request's content.
func checksum(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	n, err := io.Copy(hash, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%d %s\n", n, hex.EncodeToString(hash.Sum(nil)))
}

func endpoints(counted *arrivals) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", small)
	mux.HandleFunc("/slow", slow)
	mux.HandleFunc("/stream", stream)
	mux.HandleFunc("/bytes", bytes)
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/checksum", checksum)
	mux.HandleFunc("/ws", echoFrames)
	mux.Handle("/count", counted)
	return mux
}

// serve answers on every address of the list, with TLS if there is a configuration for it.
func serve(addresses string, handler http.Handler, counts *counters, config *tls.Config, failed chan<- error) {
	// No timeout at all is set: a keep-alive connection stays until the other side ends it.
	server := &http.Server{
		Handler:   counts.counting(handler),
		ConnState: counts.track,
		TLSConfig: config,
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	for _, address := range strings.Split(addresses, ",") {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			if config != nil {
				failed <- server.ServeTLS(listener, "", "")
			} else {
				failed <- server.Serve(listener)
			}
		}()
	}
}

func main() {
	plain := flag.String("http", "10.77.0.1:8080", "addresses of the HTTP listeners, separated by commas")
	secure := flag.String("https", "10.77.0.1:8443", "addresses of the HTTPS listeners, separated by commas")
	control := flag.String("control", "127.0.0.1:8081", "address that serves the counters at / and /arrivals")
	flag.Parse()

	config, err := selfMadeTLS()
	if err != nil {
		log.Fatal(err)
	}
	plainCounts, secureCounts := &counters{}, &counters{}
	counted := &arrivals{times: map[string]int{}}
	failed := make(chan error)
	serve(*plain, endpoints(counted), plainCounts, nil, failed)
	serve(*secure, endpoints(counted), secureCounts, config, failed)
	told := http.NewServeMux()
	told.HandleFunc("/arrivals", counted.report)
	told.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]counters{
			"http":  plainCounts.snapshot(),
			"https": secureCounts.snapshot(),
		})
	})
	go func() { failed <- http.ListenAndServe(*control, told) }()
	log.Fatal(<-failed)
}
