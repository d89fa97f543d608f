// Command leaky is the app that weir exists for: it makes a new http.Transport for every request and
// drops it, reads and closes every body, and still holds every connection. -remedy applies one of the
// known cures inside the app. The result is one JSON line; with -hold the process then keeps what it
// holds until its standard input ends.
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

type options struct {
	url     string
	remedy  string
	n       int
	rate    float64
	timeout time.Duration
}

func newTransport(remedy string) *http.Transport {
	transport := &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	switch remedy {
	case "idle-timeout":
		transport.IdleConnTimeout = 2 * time.Second
	case "no-keep-alive":
		transport.DisableKeepAlives = true
	}
	return transport
}

// requester returns the function that performs request number i.
func requester(o options) func() error {
	shared := newTransport(o.remedy)
	return func() error {
		transport := shared
		if o.remedy != "shared" {
			transport = newTransport(o.remedy)
		}
		client := &http.Client{Transport: transport, Timeout: o.timeout}
		request, err := http.NewRequest(http.MethodGet, o.url, nil)
		if err != nil {
			return err
		}
		request.Close = o.remedy == "close"
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return statusError(response.StatusCode)
		}
		return nil
	}
}

func run(o options) result {
	perform, tally := requester(o), newTally(o)
	stop := make(chan struct{})
	go tally.watchSockets(stop)
	interval := time.Duration(float64(time.Second) / o.rate)
	started := time.Now()
	var group sync.WaitGroup
	for i := 0; i < o.n; i++ {
		// Against the start, not the last tick: a late tick is caught up with, so the rate holds.
		time.Sleep(time.Until(started.Add(time.Duration(i) * interval)))
		group.Add(1)
		go func(index int) {
			defer group.Done()
			began := time.Now()
			err := perform()
			tally.count(index, began.Sub(started), time.Since(began), err)
		}(i)
	}
	group.Wait()
	close(stop)
	return tally.result(time.Since(started))
}

func main() {
	var o options
	flag.StringVar(&o.url, "url", "", "what to get; http or https")
	flag.StringVar(&o.remedy, "remedy", "none", "none, idle-timeout, no-keep-alive, shared or close")
	flag.IntVar(&o.n, "n", 2000, "number of requests")
	flag.Float64Var(&o.rate, "rate", 200, "requests started per second")
	flag.DurationVar(&o.timeout, "timeout", 15*time.Second, "limit of one request")
	hold := flag.Bool("hold", false, "after the result, keep the process until standard input ends")
	flag.Parse()
	switch o.remedy {
	case "none", "idle-timeout", "no-keep-alive", "shared", "close":
	default:
		fmt.Fprintln(os.Stderr, "leaky: unknown remedy:", o.remedy)
		os.Exit(2)
	}
	if o.url == "" || o.n <= 0 || o.rate <= 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := json.NewEncoder(os.Stdout).Encode(run(o)); err != nil {
		os.Exit(1)
	}
	if *hold {
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
}
