package main

import (
	"fmt"
	"syscall"
)

type state int

const (
	closed     state = iota
	idle             // open, without an exchange
	tunnelling       // CONNECT was sent
	heading          // the head of the response is awaited
	receiving        // its content
)

// client is one slot for a connection, with at most one exchange.
type client struct {
	fd        int
	state     state
	due       int64 // the instant the exchange was due, nanoseconds
	unsent    []byte
	head      []byte
	remaining int64 // of the content; -1: up to the end
	last      bool  // the connection ends with this exchange
}

// begin starts an exchange that was due at that instant.
func (r *runner) begin(slot int, due int64) {
	c := &r.clients[slot]
	c.due, c.head, c.remaining, c.last = due, c.head[:0], 0, r.plan.fresh
	if c.state == closed && !r.open(slot, c) {
		return
	}
	if c.state != tunnelling {
		c.state = heading
		c.unsent = r.get
	}
	r.send(slot, c)
}

func (r *runner) open(slot int, c *client) bool {
	var source *address
	if r.plan.fresh && r.plan.addresses > 1 {
		turn := address{ip: [4]byte{127, 0, 0, 1}}.turn(r.opened % r.plan.addresses)
		source = &turn
	}
	// Tunnels take turns in the origin's addresses too: each has a range of ports of its own.
	turn := r.opened % len(r.connects)
	r.opened++
	fd, err := connect(r.plan.proxy, source)
	if err == nil {
		err = r.poller.add(fd, slot)
	}
	if err != nil {
		r.fail(slot, c, "connect: "+err.Error())
		return false
	}
	c.fd, c.state = fd, heading
	if r.plan.tunnel {
		c.state, c.unsent = tunnelling, r.connects[turn]
	}
	return true
}

func (r *runner) send(slot int, c *client) {
	for len(c.unsent) > 0 {
		n, err := syscall.Write(c.fd, c.unsent)
		if err == syscall.EAGAIN {
			return
		}
		if err != nil {
			r.fail(slot, c, "send: "+err.Error())
			return
		}
		c.unsent = c.unsent[n:]
	}
}

// ready carries on with whatever the slot's connection waits for.
func (r *runner) ready(slot int) {
	c := &r.clients[slot]
	if c.state == closed {
		return
	}
	r.send(slot, c)
	for c.state != closed {
		var n int
		var err error
		if c.state == receiving {
			n, err = discard(c.fd, r.scratch)
		} else {
			n, err = syscall.Read(c.fd, r.scratch[:16384])
		}
		if err == syscall.EAGAIN {
			return
		}
		if err != nil {
			r.fail(slot, c, "receive: "+err.Error())
			return
		}
		if n == 0 {
			r.ended(slot, c)
			return
		}
		if r.received(slot, c, n) {
			return
		}
	}
}

// received takes n bytes in the scratch buffer; it is true when there is nothing more to read.
func (r *runner) received(slot int, c *client, n int) bool {
	if c.state == idle {
		r.fail(slot, c, "bytes that nobody asked for")
		return true
	}
	if c.state == receiving {
		return r.content(slot, c, int64(n))
	}
	c.head = append(c.head, r.scratch[:n]...)
	h, ok := parseHead(c.head)
	if !ok {
		return false
	}
	if h.fault != "" {
		r.fail(slot, c, h.fault)
		return true
	}
	rest := int64(len(c.head) - h.size)
	c.head = c.head[:0]
	if c.state == tunnelling {
		c.state, c.unsent = heading, r.get
		r.send(slot, c)
		return false
	}
	c.state, c.remaining = receiving, h.length
	c.last = c.last || h.last || h.length < 0
	return r.content(slot, c, rest)
}

func (r *runner) content(slot int, c *client, n int64) bool {
	r.bytes += n
	if c.remaining < 0 {
		return false
	}
	c.remaining -= n
	if c.remaining < 0 {
		r.fail(slot, c, "more content than announced")
		return true
	}
	if c.remaining > 0 {
		return false
	}
	r.finish(slot, c)
	return true
}

// ended is the end of the connection by the other side.
func (r *runner) ended(slot int, c *client) {
	switch {
	case c.state == idle:
		r.close(c)
	case c.state == receiving && c.remaining < 0:
		r.finish(slot, c)
	default:
		r.fail(slot, c, fmt.Sprintf("closed in state %d", c.state))
	}
}

func (r *runner) close(c *client) {
	if c.state != closed {
		syscall.Close(c.fd)
		c.state = closed
	}
}
