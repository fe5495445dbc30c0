package docker

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"maelstrom/runtime"
)

// maxLogLine bounds a line: what is longer comes in pieces.
const maxLogLine = 1 << 20

// Logs opens the output of a container of ours.
func (d *Driver) Logs(ctx context.Context, id string, opt runtime.LogOptions) (runtime.LogStream, error) {
	found, err := d.owned(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	options := container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Timestamps: true,
		Follow: opt.Follow,
		Tail:   "all",
	}
	if opt.Tail > 0 {
		options.Tail = strconv.Itoa(opt.Tail)
	}
	if !opt.Since.IsZero() {
		options.Since = opt.Since.Format(time.RFC3339Nano)
	}
	ctx, cancel := context.WithCancel(ctx)
	read := func() {}
	if opt.Follow && opt.Keep {
		read = d.readers.begin(found.ID)
	}
	body, err := d.client.ContainerLogs(ctx, found.ID, options)
	if err != nil {
		cancel()
		read()
		return nil, fmt.Errorf("open log: %w", classifyLog(err))
	}
	s := newLogStream(body, func() error {
		cancel()
		read()
		return body.Close()
	})
	s.read = read
	return s, nil
}

// logStream reads the engine's frames: eight bytes of head (stream and size),
// then a timestamp, a blank and text. A line longer than the log driver's
// buffer comes in several frames, each with a timestamp.
type logStream struct {
	frames  *bufio.Reader
	close   func() error
	read    func()             // called at the end of the stream
	pending [3]runtime.LogLine // by stream: the start of a line whose end has yet to come
	ready   []runtime.LogLine
}

func newLogStream(r io.Reader, closeStream func() error) *logStream {
	return &logStream{frames: bufio.NewReader(r), close: closeStream, read: func() {}}
}

func (s *logStream) Close() error { return s.close() }

// Next returns the next whole line.
func (s *logStream) Next() (runtime.LogLine, error) {
	for len(s.ready) == 0 {
		err := s.readFrame()
		if errors.Is(err, io.EOF) {
			s.flush()
			if len(s.ready) == 0 {
				s.read()
				return runtime.LogLine{}, io.EOF
			}
			break
		}
		if err != nil {
			return runtime.LogLine{}, fmt.Errorf("read log: %w", err)
		}
	}
	line := s.ready[0]
	s.ready = s.ready[1:]
	return line, nil
}

var streamNames = [3]string{"stdout", "stdout", "stderr"}

func (s *logStream) readFrame() error {
	var head [8]byte
	if _, err := io.ReadFull(s.frames, head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[4:])
	if size > maxLogLine {
		return fmt.Errorf("frame of %d bytes", size)
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(s.frames, payload); err != nil {
		return io.ErrUnexpectedEOF
	}
	if int(head[0]) >= len(s.pending) { // the engine's own trouble with the log
		return classifyLog(errors.New(strings.TrimSpace(string(payload))))
	}
	s.add(int(head[0]), string(payload))
	return nil
}

// add takes one frame of a stream in.
func (s *logStream) add(stream int, payload string) {
	at, text := cutTime(payload)
	for first := true; first || text != ""; first = false {
		line, rest, ended := strings.Cut(text, "\n")
		text = rest
		pending := &s.pending[stream]
		if pending.Stream == "" {
			*pending = runtime.LogLine{Time: at, Stream: streamNames[stream]}
		}
		pending.Text += line
		if ended || len(pending.Text) >= maxLogLine {
			s.finish(stream)
		}
	}
}

func (s *logStream) finish(stream int) {
	line := s.pending[stream]
	line.Text = strings.TrimSuffix(line.Text, "\r")
	s.ready = append(s.ready, line)
	s.pending[stream] = runtime.LogLine{}
}

func (s *logStream) flush() {
	for stream := range s.pending {
		if s.pending[stream].Stream != "" {
			s.finish(stream)
		}
	}
}

func cutTime(payload string) (time.Time, string) {
	stamp, text, _ := strings.Cut(payload, " ")
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return time.Time{}, payload
	}
	return at, text
}
