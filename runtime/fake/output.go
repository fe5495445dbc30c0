package fake

import (
	"context"
	"io"
	"sync"
	"time"

	"maelstrom/runtime"
)

// output is what a container wrote. The zero value is empty and open.
type output struct {
	mu     sync.Mutex
	lines  []runtime.LogLine
	closed bool
	more   chan struct{} // closed at the next change; nil: nobody waits
}

func (o *output) write(stream string, lines ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, text := range lines {
		o.lines = append(o.lines, runtime.LogLine{Time: time.Now(), Stream: stream, Text: text})
	}
	o.wakeLocked()
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.wakeLocked()
}

func (o *output) wakeLocked() {
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
}

// next returns the line at i, or a channel to wait on, or neither at the end.
func (o *output) next(i int, follow bool) (line runtime.LogLine, ok bool, more <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i < len(o.lines) {
		return o.lines[i], true, nil
	}
	if !follow || o.closed {
		return runtime.LogLine{}, false, nil
	}
	if o.more == nil {
		o.more = make(chan struct{})
	}
	return runtime.LogLine{}, false, o.more
}

func (o *output) open(ctx context.Context, opt runtime.LogOptions) *stream {
	o.mu.Lock()
	defer o.mu.Unlock()
	first := 0
	for first < len(o.lines) && o.lines[first].Time.Before(opt.Since) {
		first++
	}
	if opt.Tail > 0 {
		first = max(first, len(o.lines)-opt.Tail)
	}
	ctx, cancel := context.WithCancel(ctx)
	return &stream{output: o, next: first, follow: opt.Follow, done: ctx.Done(), cancel: cancel}
}

// stream reads an output line by line.
type stream struct {
	output *output
	next   int
	follow bool
	done   <-chan struct{}
	cancel context.CancelFunc
}

func (s *stream) Next() (runtime.LogLine, error) {
	for {
		line, ok, more := s.output.next(s.next, s.follow)
		if ok {
			s.next++
			return line, nil
		}
		if more == nil {
			return runtime.LogLine{}, io.EOF
		}
		select {
		case <-more:
		case <-s.done:
			return runtime.LogLine{}, io.EOF
		}
	}
}

func (s *stream) Close() error {
	s.cancel()
	return nil
}
