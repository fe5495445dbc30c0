package rpc

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// A command's stream is a connection that was upgraded to commandProtocol.
// Both sides send frames: a byte that says what it is, the length of what
// follows in four bytes, most significant first, and that many bytes.
const commandProtocol = "maelstrom-command/1"

// The frames. The client begins with an order; the end is the last frame of
// the server.
const (
	frameOrder  byte = 'o' // CommandOrder
	frameInput  byte = 'i' // of the command; none: its end
	frameSize   byte = 's' // TerminalSize
	framePing   byte = 'p' // somebody is there
	frameOut    byte = '1' // standard output
	frameErr    byte = '2' // standard error
	frameNotice byte = 'n' // what is waited for, for people
	frameEnd    byte = 'e' // CommandEnd
)

const maxFrame = 1 << 20

// frames writes frames; it is safe for concurrent use.
type frames struct {
	mu sync.Mutex
	w  io.Writer
}

func (f *frames) send(kind byte, data []byte) error {
	head := make([]byte, 5, 5+len(data))
	head[0] = kind
	binary.BigEndian.PutUint32(head[1:], uint32(len(data)))
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.w.Write(append(head, data...)); err != nil {
		return fmt.Errorf("send frame: %w", err)
	}
	return nil
}

func (f *frames) sendJSON(kind byte, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	return f.send(kind, data)
}

// writer sends what is written to it as frames of one kind.
func (f *frames) writer(kind byte) io.Writer { return frameWriter{f, kind} }

type frameWriter struct {
	frames *frames
	kind   byte
}

// frameChunk keeps frames small enough for others in between.
const frameChunk = 64 << 10

// Write implements io.Writer.
func (w frameWriter) Write(p []byte) (int, error) {
	for sent := 0; sent < len(p); sent += frameChunk {
		if err := w.frames.send(w.kind, p[sent:min(len(p), sent+frameChunk)]); err != nil {
			return sent, err
		}
	}
	return len(p), nil
}

// readFrame reads the next frame; io.EOF between two frames is the end.
func readFrame(r io.Reader) (kind byte, data []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size > maxFrame {
		return 0, nil, fmt.Errorf("a frame of %d bytes", size)
	}
	data = make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return head[0], data, nil
}
