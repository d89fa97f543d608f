package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"
)

// Full lengths in seconds. All but the POSTs last as long as the longest of them.
const (
	altogether     = 240
	slowFor        = 60
	eventGap       = 30
	pauseFor       = 60
	speakEvery     = 20
	longAnswer     = 4 << 20
	beforeThePause = 1 << 20
)

// get performs one GET and leaves the body to the caller; `opened` counts the connections that it took.
func get(client *http.Client, address string, opened *int) (*http.Response, error) {
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if !info.Reused {
			*opened++
		}
	}}
	response, err := client.Do(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("status %s, Proxy-Status %q", response.Status, response.Header.Get("Proxy-Status"))
	}
	return response, nil
}

// slowAnswer waits for answers that take their time, one after the other.
func slowAnswer(a app) (counts, error) {
	client, opened, answers := a.client(), 0, 0
	for ; answers < altogether/slowFor; answers++ {
		response, err := get(client, a.at("/slow?after="+a.lasting(slowFor).String()), &opened)
		if err != nil {
			return counts{"answers": answers}, err
		}
		content, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || string(content) != "at last\n" {
			return counts{"answers": answers}, fmt.Errorf("content %q: %v", content, err)
		}
	}
	return counts{"answers": answers, "opened": opened}, nil
}

// eventStream reads one answer, a line at a time, with long gaps.
func eventStream(a app) (counts, error) {
	const expected = altogether / eventGap
	opened, lines := 0, 0
	address := fmt.Sprintf("/stream?every=%s&count=%d", a.lasting(eventGap), expected)
	response, err := get(a.client(), a.at(address), &opened)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	scanner := bufio.NewScanner(response.Body)
	for ; scanner.Scan(); lines++ {
		if scanner.Text() != fmt.Sprintf("event %d", lines) {
			return counts{"lines": lines}, fmt.Errorf("unexpected %q", scanner.Text())
		}
	}
	if scanner.Err() == nil && lines != expected {
		return counts{"lines": lines}, fmt.Errorf("it ended after %d lines", lines)
	}
	return counts{"lines": lines}, scanner.Err()
}

// pausingReader stops amid a long answer and reads the rest much later.
func pausingReader(a app) (counts, error) {
	client, opened, answers := a.client(), 0, 0
	for ; answers < altogether/pauseFor; answers++ {
		response, err := get(client, a.at(fmt.Sprintf("/bytes?n=%d", longAnswer)), &opened)
		if err != nil {
			return counts{"answers": answers}, err
		}
		first, err := io.CopyN(io.Discard, response.Body, beforeThePause)
		if err == nil {
			time.Sleep(a.lasting(pauseFor))
			var rest int64
			if rest, err = io.Copy(io.Discard, response.Body); err == nil && first+rest != longAnswer {
				err = fmt.Errorf("it ended after %d bytes", first+rest)
			}
		}
		response.Body.Close()
		if err != nil {
			return counts{"answers": answers}, err
		}
	}
	return counts{"answers": answers, "opened": opened}, nil
}

// seldomSpeaking uses one pool, now and then. How often it had to dial is no error.
func seldomSpeaking(a app) (counts, error) {
	client, opened, answers := a.client(), 0, 0
	for ; answers < altogether/speakEvery; answers++ {
		response, err := get(client, a.at("/"), &opened)
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		if err != nil {
			return counts{"answers": answers, "opened": opened}, err
		}
		time.Sleep(a.lasting(speakEvery))
	}
	return counts{"answers": answers, "opened": opened}, nil
}
