// Package leaking makes a new http.Transport for every request and drops it, and so leaks a connection
// each time. A remedy applies one of the known cures inside the app.
package leaking

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// partialRead is how much of the answer BodyPartial takes before it drops it.
const partialRead = 4096

// What is done with the answer.
const (
	// BodyRead reads it to its end and closes it: the request is in order, only the connection leaks.
	BodyRead = "read"
	// BodyLeak neither reads nor closes it.
	BodyLeak = "leak"
	// BodyPartial reads its beginning and closes nothing, so a long answer stays in mid-flight.
	BodyPartial = "partial"
)

// Options of one run. URLs are asked in turn; it ends after N requests or when Stop is closed.
type Options struct {
	URLs    []string
	Remedy  string
	Body    string
	N       int
	Rate    float64
	Timeout time.Duration
	Stop    <-chan struct{}
}

// Validate says what is wrong with the options, if anything is.
func (o Options) Validate() error {
	switch o.Remedy {
	case "none", "idle-timeout", "no-keep-alive", "shared", "close":
	default:
		return fmt.Errorf("unknown remedy: %s", o.Remedy)
	}
	switch o.Body {
	case BodyRead, BodyLeak, BodyPartial:
	default:
		return fmt.Errorf("unknown treatment of the body: %s", o.Body)
	}
	if len(o.URLs) == 0 || o.URLs[0] == "" || o.N <= 0 || o.Rate <= 0 {
		return fmt.Errorf("at least one URL, one request and a rate are needed")
	}
	return nil
}

func newTransport(o Options) *http.Transport {
	transport := &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	if o.Body != BodyRead {
		// http.Client.Timeout goes on until the body is closed, which would end the leak by itself.
		transport.DialContext = (&net.Dialer{Timeout: o.Timeout}).DialContext
		transport.TLSHandshakeTimeout = o.Timeout
		transport.ResponseHeaderTimeout = o.Timeout
	}
	switch o.Remedy {
	case "idle-timeout":
		transport.IdleConnTimeout = 2 * time.Second
	case "no-keep-alive":
		transport.DisableKeepAlives = true
	}
	return transport
}

// finish does with the answer what the options say. Of a body that is dropped no error counts: the app
// does not see one.
func finish(o Options, response *http.Response) error {
	switch o.Body {
	case BodyLeak:
	case BodyPartial:
		_, _ = io.CopyN(io.Discard, response.Body, partialRead)
	default:
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
	}
	if response.StatusCode != http.StatusOK {
		return statusError(response.StatusCode)
	}
	return nil
}

// requester returns the function that performs request number i.
func requester(o Options) func(i int) error {
	shared := newTransport(o)
	return func(i int) error {
		transport := shared
		if o.Remedy != "shared" {
			transport = newTransport(o)
		}
		client := &http.Client{Transport: transport}
		if o.Body == BodyRead {
			client.Timeout = o.Timeout
		}
		request, err := http.NewRequest(http.MethodGet, o.URLs[i%len(o.URLs)], nil)
		if err != nil {
			return err
		}
		request.Close = o.Remedy == "close"
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		return finish(o, response)
	}
}

// Run performs the requests at the rate and returns when the last of them has ended.
func Run(o Options) Result {
	perform, tally := requester(o), newTally()
	watched := make(chan struct{})
	go tally.watchSockets(watched)
	interval := time.Duration(float64(time.Second) / o.Rate)
	started := time.Now()
	var group sync.WaitGroup
	for i := 0; i < o.N; i++ {
		// Against the start, not the last tick: a late tick is caught up with, so the rate holds.
		if !sleepUntil(started.Add(time.Duration(i)*interval), o.Stop) {
			break
		}
		tally.begin()
		group.Add(1)
		go func(index int) {
			defer group.Done()
			began := time.Now()
			err := perform(index)
			tally.count(index, began.Sub(started), time.Since(began), err)
		}(i)
	}
	group.Wait()
	close(watched)
	return tally.result(time.Since(started))
}

// sleepUntil says false when it was stopped instead.
func sleepUntil(moment time.Time, stop <-chan struct{}) bool {
	timer := time.NewTimer(time.Until(moment))
	defer timer.Stop()
	select {
	case <-stop:
		return false
	case <-timer.C:
		return true
	}
}
