package main

import (
	"bytes"
	"strconv"
)

// head is what must be known of a response to find its end.
type head struct {
	size   int   // bytes up to and with the empty line
	status int   //
	length int64 // of the content; -1: up to the end of the connection
	last   bool  // the connection is not kept
	fault  string
}

var (
	headEnd       = []byte("\r\n\r\n")
	lineEnd       = []byte("\r\n")
	contentLength = []byte("content-length")
	connection    = []byte("connection")
	proxyConn     = []byte("proxy-connection")
	transfer      = []byte("transfer-encoding")
	closeToken    = []byte("close")
	version10     = []byte("HTTP/1.0")
)

// parseHead reads the head at the start of data; ok is false while it is not whole.
func parseHead(data []byte) (h head, ok bool) {
	end := bytes.Index(data, headEnd)
	if end < 0 {
		return head{}, false
	}
	h = head{size: end + len(headEnd), length: -1}
	line, fields, _ := bytes.Cut(data[:end], lineEnd)
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		h.fault = "no HTTP response"
		return h, true
	}
	h.last = bytes.HasPrefix(line, version10)
	h.status, _ = strconv.Atoi(string(line[9:12]))
	if h.status != 200 {
		h.fault = "status " + string(line[9:12])
	}
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, lineEnd)
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, contentLength):
			h.length, _ = strconv.ParseInt(string(value), 10, 64)
		case bytes.EqualFold(name, connection), bytes.EqualFold(name, proxyConn):
			h.last = h.last || bytes.EqualFold(value, closeToken)
		case bytes.EqualFold(name, transfer):
			h.fault = "a transfer coding"
		}
	}
	return h, true
}
