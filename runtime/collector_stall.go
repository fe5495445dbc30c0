package runtime

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// stallBytes is how much output makes a stream worth a look once it is
	// silent: an engine starts a new file after so much, and some then forget
	// those who follow and have not read the last one to its end.
	stallBytes = 1 << 20

	stallAfter  = 5 * time.Second // of silence
	stallWithin = 5 * time.Second // for the look
)

// stallWatch ends a stream of output that has gone silent although there is
// more. It costs nothing before a stream has brought much.
type stallWatch struct {
	collector *collector
	ctx       context.Context // of the stream
	stream    LogStream

	bytes  atomic.Int64 // since the last look
	lines  atomic.Int64
	latest atomic.Int64 // time of the newest line, in nanoseconds
	armed  atomic.Bool
	known  int64 // lines at the last look
}

// note takes in a line that was read.
func (w *stallWatch) note(line LogLine) {
	w.lines.Add(1)
	if at := line.Time.UnixNano(); at > w.latest.Load() {
		w.latest.Store(at)
	}
	if w.bytes.Add(int64(len(line.Text))) >= stallBytes && w.armed.CompareAndSwap(false, true) {
		time.AfterFunc(stallAfter, w.look)
	}
}

// look runs some seconds after much was read, and again while lines come.
func (w *stallWatch) look() {
	if w.ctx.Err() != nil {
		return
	}
	if lines := w.lines.Load(); lines != w.known {
		w.known = lines
		time.AfterFunc(stallAfter, w.look)
		return
	}
	if w.missesLines() && w.ctx.Err() == nil {
		w.collector.opt.Logger.Info("output of a container has stalled; it is opened again", "container", w.collector.container)
		_ = w.stream.Close() // its reader is told
		return
	}
	w.bytes.Store(0)
	w.armed.Store(false)
}

// missesLines tells whether the engine has a line that is newer than all that
// were read.
func (w *stallWatch) missesLines() bool {
	ctx, cancel := context.WithTimeout(w.ctx, stallWithin)
	defer cancel()
	end, err := w.collector.driver.Logs(ctx, w.collector.container, LogOptions{Tail: 1})
	if err != nil {
		return false
	}
	defer end.Close()
	line, err := end.Next()
	return err == nil && line.Time.UnixNano() > w.latest.Load()
}
