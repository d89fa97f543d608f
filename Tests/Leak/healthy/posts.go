package main

import (
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"

	"weirleak/leaking"
)

// postOptions say how many connections carry how many POSTs, and when. Tunnels take so much more to open
// that there are fewer of them.
type postOptions struct {
	connections int
	tunnels     int
	each        int
	spacing     time.Duration
	jitter      time.Duration
	prefix      string
}

func (o *postOptions) define() {
	flag.IntVar(&o.connections, "posts-connections", 100, "connections to an http origin that carry POSTs")
	flag.IntVar(&o.tunnels, "posts-tunnels", 6, "connections to an https origin that do")
	flag.IntVar(&o.each, "posts-each", 100, "POSTs on each")
	flag.DurationVar(&o.spacing, "posts-spacing", time.Second, "from an answer to the next POST: an idle limit")
	flag.DurationVar(&o.jitter, "posts-jitter", 3*time.Millisecond, "how far off that each of them may be")
	flag.StringVar(&o.prefix, "posts-prefix", "post", "what the names of the POSTs begin with")
}

// postTally is shared by the connections.
type postTally struct {
	mutex    sync.Mutex
	sent, ok int
	opened   int
	first    error
	failed   map[string]int
}

// exactPosts sends each POST just when an idle connection is closed, a little before, or a little after. None
// may fail: what a client may not repeat, it must not lose. The origin knows which came, and how often.
func exactPosts(a app) (counts, error) {
	number := a.posts.connections
	if a.origin.Scheme == "https" {
		number = a.posts.tunnels
	}
	tally := &postTally{failed: map[string]int{}}
	var group sync.WaitGroup
	for connection := 0; connection < number; connection++ {
		group.Add(1)
		go func(connection int) {
			defer group.Done()
			// Not all of them at the same moment.
			time.Sleep(time.Duration(connection) * a.posts.spacing / time.Duration(number))
			postOnOne(a, connection, tally)
		}(connection)
	}
	group.Wait()
	counted := counts{"sent": tally.sent, "ok": tally.ok, "opened": tally.opened}
	if tally.first != nil {
		return counted, fmt.Errorf("%v, first: %w", tally.failed, tally.first)
	}
	return counted, nil
}

func postOnOne(a app, connection int, tally *postTally) {
	client := a.client()
	random := rand.New(rand.NewSource(int64(connection)))
	for number := 0; number < a.posts.each; number++ {
		if number > 0 {
			off := time.Duration((2*random.Float64() - 1) * float64(a.posts.jitter))
			time.Sleep(a.posts.spacing + off)
		}
		name := fmt.Sprintf("%s-%s-%d-%d", a.posts.prefix, a.origin.Scheme, connection, number)
		tally.count(post(client, a.at("/count"), name))
	}
}

// post says whether it took a new connection.
func post(client *http.Client, address, name string) (bool, error) {
	opened := false
	request, err := http.NewRequest(http.MethodPost, address, strings.NewReader(name))
	if err != nil {
		return opened, err
	}
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { opened = !info.Reused }}
	response, err := client.Do(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
	if err != nil {
		return opened, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || string(content) != name) {
		err = fmt.Errorf("%s is answered with %s, %q", name, response.Status, content)
	}
	return opened, err
}

func (t *postTally) count(opened bool, err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.sent++
	if opened {
		t.opened++
	}
	if err == nil {
		t.ok++
		return
	}
	t.failed[leaking.ErrorClass(err)]++
	if t.first == nil {
		t.first = err
	}
}
