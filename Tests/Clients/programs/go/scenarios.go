package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"strings"
	"sync"
)

type arguments = []string

var scenarios = map[string]func(arguments) (any, error){
	"fetch": func(given arguments) (any, error) { return get(newClient(), given[0]) },
	"reuse": func(given arguments) (any, error) {
		one := newClient()
		return five(given[0], func() *http.Client { return one })
	},
	"fresh":    func(given arguments) (any, error) { return five(given[0], newClient) },
	"together": together,
	"post":     func(given arguments) (any, error) { return send(given, false, "") },
	"expect":   func(given arguments) (any, error) { return send(given, false, "100-continue") },
	"upload":   func(given arguments) (any, error) { return send(given, true, "") },
	"trailers": trailers,
	"interim":  interim,
	"gate":     gate,
	"cancel":   cancel,
}

// get reports too whether the connection had been used before.
func get(client *http.Client, url string) (told, error) {
	reused := false
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
	request, err := http.NewRequestWithContext(
		httptrace.WithClientTrace(context.Background(), trace), http.MethodGet, url, nil)
	if err != nil {
		return told{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		return told{}, err
	}
	result, err := read(response)
	result.Reused = reused
	return result, err
}

func five(url string, client func() *http.Client) (any, error) {
	var results []told
	for i := 0; i < 5; i++ {
		one, err := get(client(), url)
		if err != nil {
			return nil, err
		}
		results = append(results, one)
	}
	return map[string]any{"results": results}, nil
}

func together(given arguments) (any, error) {
	client := newClient()
	results, failures := make([]told, 20), make([]error, 20)
	var group sync.WaitGroup
	for i := range results {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			results[i], failures[i] = get(client, given[0])
		}(i)
	}
	group.Wait()
	for _, err := range failures {
		if err != nil {
			return nil, err
		}
	}
	return map[string]any{"results": results}, nil
}

// send posts the file; `unknown` hides its length, so that it goes in chunks.
func send(given arguments, unknown bool, expect string) (any, error) {
	file, err := os.Open(given[1])
	if err != nil {
		return nil, err
	}
	defer file.Close()
	request, err := http.NewRequest(http.MethodPost, given[0], file)
	if err != nil {
		return nil, err
	}
	if !unknown {
		information, err := file.Stat()
		if err != nil {
			return nil, err
		}
		request.ContentLength = information.Size()
	}
	if expect != "" {
		request.Header.Set("Expect", expect)
	}
	return echoed(newClient().Do(request))
}

func echoed(response *http.Response, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return map[string]any{"status": response.StatusCode, "text": string(text)}, nil
	}
	var echo map[string]any
	err = json.NewDecoder(response.Body).Decode(&echo)
	return echo, err
}

// trailers sends some after the content.
func trailers(given arguments) (any, error) {
	file, err := os.Open(given[1])
	if err != nil {
		return nil, err
	}
	defer file.Close()
	request, err := http.NewRequest(http.MethodPost, given[0], io.MultiReader(file))
	if err != nil {
		return nil, err
	}
	request.Trailer = http.Header{"X-Up": {"from go"}}
	return echoed(newClient().Do(request))
}

func interim(given arguments) (any, error) {
	var seen []int
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		seen = append(seen, code)
		return nil
	}}
	request, err := http.NewRequestWithContext(
		httptrace.WithClientTrace(context.Background(), trace), http.MethodGet, given[0], nil)
	if err != nil {
		return nil, err
	}
	response, err := newClient().Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return map[string]any{"text": string(text), "interim": seen}, err
}

func gate(given arguments) (any, error) {
	client := newClient()
	response, err := client.Get(given[0] + "/gate/key")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content := bufio.NewReader(response.Body)
	first, err := content.ReadString('\n')
	if err != nil {
		return nil, err
	}
	if _, err := get(client, given[0]+"/open/key"); err != nil {
		return nil, err
	}
	rest, err := io.ReadAll(content)
	return map[string]string{"first": first, "rest": string(rest)}, err
}

// cancel gives up in the middle of a response that never ends, then asks for another with the same client.
func cancel(given arguments) (any, error) {
	client := newClient()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, given[0]+"/endless", nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, response.Body, 5000); err != nil {
		return nil, err
	}
	stop()
	_, err = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	if !errors.Is(err, context.Canceled) {
		return map[string]string{"error": "cancelled, but: " + errorText(err)}, nil
	}
	return get(client, given[0]+"/bytes/3000")
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return strings.TrimSpace(err.Error())
}
