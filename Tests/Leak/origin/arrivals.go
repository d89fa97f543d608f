package main

import (
	"encoding/json"
	"io"
	"net/http"
	"sort"
	"strings"
	"sync"
)

// arrivals remembers how often which request came, whatever became of its answer.
type arrivals struct {
	mutex sync.Mutex
	times map[string]int
}

// ServeHTTP takes the content of a POST for the request's name.
func (a *arrivals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost || len(name) == 0 {
		http.Error(w, "a POST with a name is needed", http.StatusBadRequest)
		return
	}
	a.mutex.Lock()
	a.times[string(name)]++
	a.mutex.Unlock()
	_, _ = w.Write(name)
}

// report answers with the counts of the requests whose names begin with ?prefix=.
func (a *arrivals) report(w http.ResponseWriter, r *http.Request) {
	prefix := r.URL.Query().Get("prefix")
	told := struct {
		Distinct int      `json:"distinct"`
		Repeated []string `json:"repeated"`
	}{Repeated: []string{}}
	a.mutex.Lock()
	for name, times := range a.times {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		told.Distinct++
		if times > 1 {
			told.Repeated = append(told.Repeated, name)
		}
	}
	a.mutex.Unlock()
	sort.Strings(told.Repeated)
	_ = json.NewEncoder(w).Encode(told)
}
