// Command healthy is an app that does nothing wrong, in all the ways that a short timeout punishes: slow
// answers, event streams with gaps, a reader that pauses, connections that are seldom used, silent
// WebSockets, and POSTs sent just when an idle limit passes. With -leak it leaks besides, towards other
// destinations. Each finding is one JSON line; the exit status says nothing of them.
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"weirleak/leaking"
)

// finding is how one of the things went. Error is the first one, empty when there was none.
type finding struct {
	Thing   string         `json:"thing"`
	URL     string         `json:"url"`
	Error   string         `json:"error"`
	Seconds float64        `json:"seconds"`
	Counts  map[string]int `json:"counts"`
}

// counts of a thing, information only.
type counts map[string]int

// app is what every thing is given.
type app struct {
	origin *url.URL
	scale  float64
	posts  postOptions
}

// lasting is a duration of the full length, shortened as the run is.
func (a app) lasting(seconds float64) time.Duration {
	return time.Duration(seconds / a.scale * float64(time.Second))
}

func (a app) at(path string) string { return a.origin.String() + path }

// client has a pool of its own, as a well-made app has one.
func (a app) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext:     (&net.Dialer{Control: smallReceiveBuffer}).DialContext,
	}}
}

// smallReceiveBuffer keeps the kernel from taking a whole long answer for a reader that pauses.
func smallReceiveBuffer(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(descriptor uintptr) {
		failed = syscall.SetsockoptInt(int(descriptor), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 128<<10)
	})
	if err != nil {
		return err
	}
	return failed
}

var things = map[string]func(app) (counts, error){
	"slow":      slowAnswer,
	"events":    eventStream,
	"pause":     pausingReader,
	"keepalive": seldomSpeaking,
	"websocket": silentWebSocket,
	"posts":     exactPosts,
}

func leak(urls string, rate float64, stop <-chan struct{}, report func(finding)) {
	began := time.Now()
	result := leaking.Run(leaking.Options{
		URLs: strings.Split(urls, ","), Remedy: "none", Body: leaking.BodyRead, N: 1 << 30, Rate: rate,
		Timeout: 15 * time.Second, Stop: stop,
	})
	found := finding{Thing: "leak", URL: urls, Seconds: time.Since(began).Seconds(),
		Counts: counts{"requests": result.Requests, "ok": result.OK}}
	if result.FirstFailure != nil {
		found.Error = fmt.Sprintf("%v, first %+v", result.Failed, *result.FirstFailure)
	}
	report(found)
}

func perform(a app, name string, report func(finding)) {
	began := time.Now()
	counted, err := things[name](a)
	found := finding{Thing: name, URL: a.origin.String(), Seconds: time.Since(began).Seconds(), Counts: counted}
	if err != nil {
		found.Error = err.Error()
	}
	report(found)
}

func fail(problem any) {
	fmt.Fprintln(os.Stderr, "healthy:", problem)
	os.Exit(2)
}

func main() {
	origins := flag.String("origins", "", "the origins to talk to, http and https, separated by commas")
	names := flag.String("things", "slow,events,pause,keepalive,websocket", "what to do with each of them")
	scale := flag.Float64("scale", 1, "what every duration but those of -posts is divided by")
	user := flag.Int("uid", -1, "become this user first")
	leaked := flag.String("leak", "", "URLs to leak connections to meanwhile, separated by commas")
	rate := flag.Float64("leak-rate", 110, "connections leaked per second")
	var posts postOptions
	posts.define()
	flag.Parse()
	if *user >= 0 {
		if err := syscall.Setuid(*user); err != nil {
			fail(err)
		}
	}
	var mutex sync.Mutex
	report := func(found finding) {
		mutex.Lock()
		defer mutex.Unlock()
		_ = json.NewEncoder(os.Stdout).Encode(found)
	}
	var leaks, healthy sync.WaitGroup
	stop := make(chan struct{})
	if *leaked != "" {
		leaks.Add(1)
		go func() {
			defer leaks.Done()
			leak(*leaked, *rate, stop, report)
		}()
	}
	for _, address := range strings.Split(*origins, ",") {
		origin, err := url.Parse(address)
		if err != nil || origin.Host == "" {
			fail("not an origin: " + address)
		}
		for _, name := range strings.Split(*names, ",") {
			if things[name] == nil {
				fail("unknown thing: " + name)
			}
			healthy.Add(1)
			go func(name string) {
				defer healthy.Done()
				perform(app{origin, *scale, posts}, name, report)
			}(name)
		}
	}
	healthy.Wait()
	close(stop)
	leaks.Wait()
}
