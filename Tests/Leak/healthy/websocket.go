package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"weirleak/websocket"
)

const patience = 15 * time.Second

// silentWebSocket says one thing, nothing for minutes, then another; both must come back.
func silentWebSocket(a app) (counts, error) {
	connection, heard, err := openWebSocket(a)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	for words := 0; words < 2; words++ {
		if words > 0 {
			time.Sleep(a.lasting(altogether))
		}
		text := fmt.Sprintf("word %d", words)
		_ = connection.SetDeadline(time.Now().Add(patience))
		if err := websocket.WriteText(connection, text, true); err != nil {
			return counts{"words": words}, err
		}
		answer, err := websocket.ReadText(heard)
		if err != nil || answer != text {
			return counts{"words": words}, fmt.Errorf("%q came back as %q: %v", text, answer, err)
		}
		_ = connection.SetDeadline(time.Time{})
	}
	return counts{"words": 2}, nil
}

// openWebSocket asks the proxy as such apps do: an absolute target for ws, a tunnel for wss.
func openWebSocket(a app) (net.Conn, *bufio.Reader, error) {
	request, err := http.NewRequest(http.MethodGet, a.at("/ws"), nil)
	if err != nil {
		return nil, nil, err
	}
	proxy, err := http.ProxyFromEnvironment(request)
	if err != nil {
		return nil, nil, err
	}
	address := a.origin.Host
	if proxy != nil {
		address = proxy.Host
	}
	connection, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, nil, err
	}
	_ = connection.SetDeadline(time.Now().Add(patience))
	if a.origin.Scheme == "https" {
		if connection, err = encrypted(a, connection, proxy != nil); err != nil {
			return nil, nil, err
		}
	}
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": websocket.Key} {
		request.Header.Set(name, value)
	}
	if proxy != nil && a.origin.Scheme == "http" {
		err = request.WriteProxy(connection)
	} else {
		err = request.Write(connection)
	}
	if err != nil {
		connection.Close()
		return nil, nil, err
	}
	heard := bufio.NewReader(connection)
	if err := upgraded(heard, request); err != nil {
		connection.Close()
		return nil, nil, err
	}
	return connection, heard, nil
}

func upgraded(heard *bufio.Reader, request *http.Request) error {
	response, err := http.ReadResponse(heard, request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusSwitchingProtocols ||
		response.Header.Get("Sec-WebSocket-Accept") != websocket.Accept(websocket.Key) {
		return fmt.Errorf("no WebSocket but %s, Proxy-Status %q", response.Status, response.Header.Get("Proxy-Status"))
	}
	return nil
}

// encrypted is TLS, in a tunnel through the proxy if there is one.
func encrypted(a app, connection net.Conn, tunnel bool) (net.Conn, error) {
	if tunnel {
		fmt.Fprintf(connection, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", a.origin.Host, a.origin.Host)
		// Nobody speaks in a tunnel before the client, so nothing is lost in the reader's buffer.
		response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: http.MethodConnect})
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("CONNECT: %s, Proxy-Status %q", response.Status, response.Header.Get("Proxy-Status"))
		}
		if err != nil {
			connection.Close()
			return nil, err
		}
	}
	secure := tls.Client(connection, &tls.Config{InsecureSkipVerify: true})
	if err := secure.Handshake(); err != nil {
		connection.Close()
		return nil, err
	}
	return secure, nil
}
