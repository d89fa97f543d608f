// Package websocket is as much of RFC 6455 as an echo needs: the handshake's key and short frames.
package websocket

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
)

const (
	finalText  = 0x81
	masked     = 0x80
	longest    = 125
	acceptSalt = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
)

// Key is the nonce of every handshake here; nothing depends on it being secret.
const Key = "dGhlIHNhbXBsZSBub25jZQ=="

// Accept is the answer to a handshake with that key.
func Accept(key string) string {
	sum := sha1.Sum([]byte(key + acceptSalt))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// WriteText sends one frame in one piece; clients must mask, servers must not.
func WriteText(to io.Writer, text string, mask bool) error {
	if len(text) > longest {
		return errors.New("a long frame")
	}
	frame := []byte{finalText, byte(len(text))}
	if mask {
		key := []byte{1, 2, 3, 4}
		frame[1] |= masked
		frame = append(frame, key...)
		for i := range text {
			frame = append(frame, text[i]^key[i%len(key)])
		}
	} else {
		frame = append(frame, text...)
	}
	_, err := to.Write(frame)
	return err
}

// ReadText receives one frame.
func ReadText(from io.Reader) (string, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(from, head); err != nil {
		return "", err
	}
	length := int(head[1] &^ masked)
	if head[0] != finalText || length > longest {
		return "", errors.New("not a short text frame")
	}
	key := make([]byte, 4)
	if head[1]&masked != 0 {
		if _, err := io.ReadFull(from, key); err != nil {
			return "", err
		}
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(from, text); err != nil {
		return "", err
	}
	for i := range text {
		text[i] ^= key[i%len(key)]
	}
	return string(text), nil
}
