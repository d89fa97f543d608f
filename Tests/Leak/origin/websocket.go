package main

import (
	"fmt"
	"net/http"

	"weirleak/websocket"
)

// echoFrames is a WebSocket that says back what it hears, until the other side ends it.
func echoFrames(w http.ResponseWriter, r *http.Request) {
	hijacker, ok := w.(http.Hijacker)
	if !ok || r.Header.Get("Sec-WebSocket-Key") == "" {
		http.Error(w, "a WebSocket is needed", http.StatusBadRequest)
		return
	}
	connection, buffered, err := hijacker.Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	fmt.Fprintf(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", websocket.Accept(r.Header.Get("Sec-WebSocket-Key")))
	for {
		text, err := websocket.ReadText(buffered)
		if err != nil || websocket.WriteText(connection, text, false) != nil {
			return
		}
	}
}
