package leaking

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// Failure is the first request that failed: its number from 0 and when it was begun.
type Failure struct {
	Index  int     `json:"index"`
	Second float64 `json:"second"`
	Class  string  `json:"class"`
	Text   string  `json:"text"`
}

// Result of a run, as it is printed.
type Result struct {
	Requests     int            `json:"requests"`
	OK           int            `json:"ok"`
	Failed       map[string]int `json:"failed"`
	FirstFailure *Failure       `json:"first_failure"`
	Seconds      float64        `json:"seconds"`
	SlowestMS    float64        `json:"slowest_ms"`
	PeakSockets  int            `json:"peak_sockets"`
}

type tally struct {
	mutex   sync.Mutex
	soFar   Result
	slowest time.Duration
}

func newTally() *tally {
	return &tally{soFar: Result{Failed: map[string]int{}}}
}

func (t *tally) begin() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.soFar.Requests++
}

// ErrorClass names an error shortly and the same way every time.
func ErrorClass(err error) string {
	var status statusError
	if errors.As(err, &status) {
		return status.Error()
	}
	known := map[string]syscall.Errno{
		"EADDRNOTAVAIL": syscall.EADDRNOTAVAIL,
		"ECONNREFUSED":  syscall.ECONNREFUSED,
		"ECONNRESET":    syscall.ECONNRESET,
		"EPIPE":         syscall.EPIPE,
		"EMFILE":        syscall.EMFILE,
	}
	for name, number := range known {
		if errors.Is(err, number) {
			return name
		}
	}
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		return "timeout"
	}
	if strings.HasSuffix(err.Error(), "EOF") {
		return "EOF"
	}
	// The rest, a proxy's answer to CONNECT among it, by its last words.
	words := strings.Split(err.Error(), ": ")
	return words[len(words)-1]
}

func (t *tally) count(index int, began, took time.Duration, err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if took > t.slowest {
		t.slowest = took
	}
	if err == nil {
		t.soFar.OK++
		return
	}
	class := ErrorClass(err)
	t.soFar.Failed[class]++
	if t.soFar.FirstFailure == nil || index < t.soFar.FirstFailure.Index {
		t.soFar.FirstFailure = &Failure{index, began.Seconds(), class, err.Error()}
	}
}

func (t *tally) result(took time.Duration) Result {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.soFar.Seconds = took.Seconds()
	t.soFar.SlowestMS = float64(t.slowest.Microseconds()) / 1000
	return t.soFar
}

// watchSockets keeps the highest number of sockets among the process's descriptors.
func (t *tally) watchSockets(stop <-chan struct{}) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		now := openSockets()
		t.mutex.Lock()
		if now > t.soFar.PeakSockets {
			t.soFar.PeakSockets = now
		}
		t.mutex.Unlock()
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
	}
}

func openSockets() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	sockets := 0
	for _, entry := range entries {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err == nil && strings.HasPrefix(target, "socket:") {
			sockets++
		}
	}
	return sockets
}
