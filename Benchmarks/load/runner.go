package main

import (
	"fmt"
	"math"
	"sort"
	"time"
)

const mostFaults = 100

// runner carries a plan out.
type runner struct {
	plan     plan
	poller   *poller
	clients  []client
	free     []int   // slots without an exchange, the last used one last
	waiting  []int64 // due exchanges for which no slot is free
	get      []byte
	connects [][]byte
	scratch  []byte

	begun, running, opened, requests, faulty int
	bytes                                    int64
	origin                                   time.Time // all instants are nanoseconds since then
	samples                                  []int64
	faults                                   map[string]int
}

func run(p plan) (report, error) {
	poller, err := newPoller()
	if err != nil {
		return report{}, err
	}
	r := &runner{
		plan: p, poller: poller, clients: make([]client, p.connections), scratch: make([]byte, 1<<20),
		samples: make([]int64, 0, 1<<20), faults: map[string]int{}, origin: time.Now(),
	}
	r.write()
	for slot := p.connections - 1; slot >= 0; slot-- {
		r.free = append(r.free, slot)
	}
	if p.rate > 0 {
		r.openLoop()
	} else {
		r.closedLoop()
	}
	return r.report(), nil
}

// write makes the requests, once for all.
func (r *runner) write() {
	target, last := "http://"+r.plan.origin.String(), ""
	if r.plan.tunnel {
		target = ""
	} else if r.plan.fresh {
		last = "Connection: close\r\n"
	}
	r.get = []byte(fmt.Sprintf("GET %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n%s\r\n",
		target, r.plan.path, r.plan.origin, last))
	for turn := 0; turn < r.plan.addresses; turn++ {
		to := r.plan.origin.turn(turn)
		r.connects = append(r.connects, []byte(fmt.Sprintf("CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", to, to)))
	}
}

func (r *runner) now() int64 { return int64(time.Since(r.origin)) }

// more says whether another exchange is to begin.
func (r *runner) more(now int64) bool {
	if r.faulty >= mostFaults {
		return false
	}
	if r.plan.count > 0 {
		return r.begun < r.plan.count
	}
	return now < int64(r.plan.duration)
}

func (r *runner) start(due int64) {
	slot := r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	r.begun++
	r.running++
	r.begin(slot, due)
}

func (r *runner) closedLoop() {
	for {
		for len(r.free) > 0 {
			now := r.now()
			if !r.more(now) {
				break
			}
			r.start(now)
		}
		if r.running == 0 {
			return
		}
		for _, event := range r.poller.wait(-1) {
			r.ready(int(event.Fd))
			if now := r.now(); len(r.free) > 0 && r.more(now) {
				r.start(now)
			}
		}
	}
}

func (r *runner) openLoop() {
	interval := 1e9 / r.plan.rate
	number := 0
	for {
		now := r.now()
		due := int64(float64(number) * interval)
		for due <= now && r.more(due) {
			r.waiting = append(r.waiting, due)
			number++
			due = int64(float64(number) * interval)
		}
		for len(r.waiting) > 0 && len(r.free) > 0 {
			r.start(r.waiting[0])
			r.waiting = r.waiting[1:]
		}
		timeout := int64(-1)
		if r.more(due) {
			timeout = int64(math.Max(0, float64(due-r.now())))
		} else if r.running == 0 {
			return
		}
		for _, event := range r.poller.wait(timeout) {
			r.ready(int(event.Fd))
		}
	}
}

// finish is the end of an exchange that went well.
func (r *runner) finish(slot int, c *client) {
	r.requests++
	if c.due >= int64(r.plan.warm) {
		r.samples = append(r.samples, r.now()-c.due)
	}
	c.state = idle
	if c.last {
		r.close(c)
	}
	r.running--
	r.free = append(r.free, slot)
}

// fail is the end of one that did not.
func (r *runner) fail(slot int, c *client, what string) {
	r.faults[what]++
	r.faulty++
	if c.state != idle {
		r.running--
		r.free = append(r.free, slot)
	}
	r.close(c)
}

func (r *runner) report() report {
	sort.Slice(r.samples, func(i, j int) bool { return r.samples[i] < r.samples[j] })
	return report{
		Requests: r.requests, Seconds: float64(r.now()) / 1e9, Bytes: r.bytes, Faults: r.faults,
		P50: r.quantile(0.5), P99: r.quantile(0.99), P999: r.quantile(0.999),
	}
}

func (r *runner) quantile(q float64) float64 {
	if len(r.samples) == 0 {
		return 0
	}
	index := int(math.Ceil(q*float64(len(r.samples)))) - 1
	return float64(r.samples[index]) / 1e3
}
