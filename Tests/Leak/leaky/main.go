// Command leaky is the app that weir exists for: it makes a new http.Transport for every request and
// drops it, reads and closes every body (-body says otherwise), and still holds every connection.
// -remedy applies one of the known cures inside the app. The result is one JSON line; with -hold the
// process then keeps what it holds until its standard input ends.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"weirleak/leaking"
)

func main() {
	var o leaking.Options
	urls := flag.String("url", "", "what to get, http or https; several, separated by commas, in turn")
	flag.StringVar(&o.Remedy, "remedy", "none", "none, idle-timeout, no-keep-alive, shared or close")
	flag.StringVar(&o.Body, "body", leaking.BodyRead, "read, leak (neither read nor close) or partial (read 4 KiB)")
	flag.IntVar(&o.N, "n", 2000, "number of requests")
	flag.Float64Var(&o.Rate, "rate", 200, "requests started per second")
	flag.DurationVar(&o.Timeout, "timeout", 15*time.Second, "limit of one request")
	hold := flag.Bool("hold", false, "after the result, keep the process until standard input ends")
	untilEnd := flag.Bool("until-end", false, "stop when standard input ends, whatever -n says")
	user := flag.Int("uid", -1, "become this user first")
	flag.Parse()
	o.URLs = strings.Split(*urls, ",")
	err := o.Validate()
	if err == nil && *user >= 0 {
		err = syscall.Setuid(*user)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "leaky:", err)
		os.Exit(2)
	}
	if *untilEnd {
		stop := make(chan struct{})
		o.Stop = stop
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(stop)
		}()
	}
	if err := json.NewEncoder(os.Stdout).Encode(leaking.Run(o)); err != nil {
		os.Exit(1)
	}
	if *hold {
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
}
