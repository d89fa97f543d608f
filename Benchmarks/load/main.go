// Load for HTTP proxies: one thread, one epoll instance and raw sockets, so that it costs the machine less than the
// proxy under test. It prints one line of JSON.
//
// Closed loop: each connection starts its next exchange when the last one ended. Open loop (-rate): exchanges are due
// at fixed instants, and a latency is counted from the instant an exchange was due, whether or not a connection was
// free then: what a stalled proxy delays is not left out (coordinated omission).
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// plan is what the command line asks for.
type plan struct {
	proxy       address       // where to connect
	origin      address       // what to ask for
	path        string        //
	fresh       bool          // a connection for each exchange, closed after it
	tunnel      bool          // CONNECT first; the request then goes through the tunnel
	connections int           // at most at the same time
	duration    time.Duration // how long exchanges are started, or
	count       int           // how many
	rate        float64       // exchanges due per second; 0 is closed loop
	warm        time.Duration // latencies of exchanges due earlier are left out
	addresses   int           // fresh connections take turns in 127.0.0.1 and so many less one beside it
}

// report is what is printed.
type report struct {
	Requests int            `json:"requests"`
	Seconds  float64        `json:"seconds"`
	Bytes    int64          `json:"bytes"` // of content
	P50      float64        `json:"p50"`   // microseconds
	P99      float64        `json:"p99"`
	P999     float64        `json:"p999"`
	Faults   map[string]int `json:"faults"`
}

func main() {
	plan := parse()
	// Samples are the only allocation that grows; a collection would show up in the latencies.
	debug.SetGCPercent(-1)
	runtime.LockOSThread()
	result, err := run(plan)
	if err != nil {
		fmt.Fprintf(os.Stderr, "load: %v\n", err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(result)
}

func parse() plan {
	var p plan
	var proxy, origin string
	flag.StringVar(&proxy, "proxy", "", "IPv4 address:port to connect to")
	flag.StringVar(&origin, "origin", "", "IPv4 address:port to ask for")
	flag.StringVar(&p.path, "path", "/", "path to ask for")
	flag.BoolVar(&p.fresh, "fresh", false, "a connection for each exchange")
	flag.BoolVar(&p.tunnel, "tunnel", false, "CONNECT, and the request through the tunnel")
	flag.IntVar(&p.connections, "connections", 1, "at most at the same time")
	flag.DurationVar(&p.duration, "duration", 0, "how long exchanges are started")
	flag.IntVar(&p.count, "count", 0, "how many exchanges, instead of how long")
	flag.Float64Var(&p.rate, "rate", 0, "exchanges due per second (open loop)")
	flag.DurationVar(&p.warm, "warm", 0, "latencies of exchanges due earlier are left out")
	flag.IntVar(&p.addresses, "addresses", 1, "loopback addresses for fresh connections to take turns in")
	flag.Parse()
	var errs [2]error
	p.proxy, errs[0] = parseAddress(proxy)
	p.origin, errs[1] = parseAddress(origin)
	for _, err := range errs {
		if err != nil {
			fmt.Fprintf(os.Stderr, "load: %v\n", err)
			os.Exit(2)
		}
	}
	if (p.duration > 0) == (p.count > 0) || p.connections < 1 || p.addresses < 1 || p.addresses > 200 {
		fmt.Fprintln(os.Stderr, "load: -duration or -count; -connections from 1; -addresses from 1 to 200")
		os.Exit(2)
	}
	return p
}
