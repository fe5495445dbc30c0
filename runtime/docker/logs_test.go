package docker

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"maelstrom/project"
	"maelstrom/runtime"
)

func frame(stream byte, payload string) string {
	head := make([]byte, 8)
	head[0] = stream
	binary.BigEndian.PutUint32(head[4:], uint32(len(payload)))
	return string(head) + payload
}

const stamp = "2026-01-02T03:04:05.000000006Z "

var stamped = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func TestLogStream(t *testing.T) {
	out := func(text string) runtime.LogLine {
		return runtime.LogLine{Time: stamped, Stream: "stdout", Text: text}
	}
	errLine := runtime.LogLine{Time: stamped, Stream: "stderr", Text: "e"}
	for name, test := range map[string]struct {
		frames string
		want   []runtime.LogLine
		err    string
	}{
		"nothing":           {"", nil, ""},
		"a line a frame":    {frame(1, stamp+"a\n") + frame(2, stamp+"e\n") + frame(1, stamp+"\n"), []runtime.LogLine{out("a"), errLine, out("")}, ""},
		"lines in a frame":  {frame(1, stamp+"a b\nc\n"), []runtime.LogLine{out("a b"), out("c")}, ""},
		"a line in frames":  {frame(1, stamp+"a") + frame(2, stamp+"e\n") + frame(1, stamp+"b\n"), []runtime.LogLine{errLine, out("ab")}, ""},
		"no end of line":    {frame(1, stamp+"a"), []runtime.LogLine{out("a")}, ""},
		"carriage return":   {frame(1, stamp+"a\r\n"), []runtime.LogLine{out("a")}, ""},
		"no time":           {frame(1, "a b\n"), []runtime.LogLine{{Stream: "stdout", Text: "a b"}}, ""},
		"the engine's word": {frame(1, stamp+"a\n") + frame(3, "log is gone\n"), []runtime.LogLine{out("a")}, "log is gone"},
		"cut off":           {frame(1, stamp+"a\n")[:20], nil, "unexpected EOF"},
		"absurd":            {"\x01\x00\x00\x00\xff\xff\xff\xff", nil, "frame of"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLogStream(strings.NewReader(test.frames), func() error { return nil })
			var got []runtime.LogLine
			line, err := s.Next()
			for ; err == nil; line, err = s.Next() {
				got = append(got, line)
			}
			same(t, "lines", got, test.want)
			if test.err == "" && err != io.EOF || test.err != "" && !strings.Contains(err.Error(), test.err) {
				t.Errorf("ended with %v, want %q", err, test.err)
			}
		})
	}
}

func FuzzLogStream(f *testing.F) {
	f.Add([]byte(frame(1, stamp+"a\n") + frame(2, stamp+"b")))
	f.Fuzz(func(t *testing.T, frames []byte) {
		s := newLogStream(strings.NewReader(string(frames)), func() error { return nil })
		total := 0
		for line, err := s.Next(); err == nil; line, err = s.Next() {
			total += len(line.Text)
		}
		if total > len(frames) {
			t.Errorf("%d bytes of text from %d", total, len(frames))
		}
	})
}

// A line longer than the engine's buffer (16 KiB) comes in one piece.
func TestLongLine(t *testing.T) {
	d := newDriver(t, Options{})
	long := strings.Repeat("x", 50_000)
	ours, _ := started(t, d, component(t, func(c *project.Component) {
		c.Environment = []project.EnvVar{{Name: "OUT", Value: long}}
	}))
	log, err := d.Logs(t.Context(), ours.ID, runtime.LogOptions{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	line, err := log.Next()
	if err != nil || line.Text != long {
		t.Errorf("line of %d bytes, %v; want %d", len(line.Text), err, len(long))
	}
}

// Closing a followed log, or ending its context, ends a Next that waits.
func TestLogEnds(t *testing.T) {
	d := newDriver(t, Options{})
	ours, _ := started(t, d, component(t, func(c *project.Component) { c.Command = []string{"hold"} }))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ends := map[string]func(runtime.LogStream){
		"close":   func(s runtime.LogStream) { s.Close() },
		"context": func(runtime.LogStream) { cancel() },
	}
	for _, name := range []string{"close", "context"} {
		log, err := d.Logs(ctx, ours.ID, runtime.LogOptions{Follow: true})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := log.Next()
			ended <- err
		}()
		ends[name](log)
		if err := <-ended; err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: next = %v, want an error", name, err)
		}
		log.Close()
	}
}
