package logring

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// Writer adds the output of one container to a ring. Lines are written out a
// little later, many at a time; nothing is forced onto the disk, so a host
// that loses power may lose the last seconds.
type Writer struct {
	ring   *Ring
	source Source

	// Under the ring's lock.
	current *segment // nil: none
	file    *os.File
	began   time.Time // of current
	buf     []byte
	first   time.Time // of the lines in buf
	lines   int       // in buf
	armed   bool      // a timer will write buf out
	closed  bool
}

// Writer returns a Writer for a container; Close it.
func (r *Ring) Writer(source Source) (*Writer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.loadLocked(); err != nil {
		return nil, err
	}
	w := &Writer{ring: r, source: source}
	r.writers = append(r.writers, w)
	return w, nil
}

// Kept returns a record as the ring keeps it: a long text is cut.
func (w *Writer) Kept(rec Record) Record {
	rec.Text = cut(rec.Text, w.ring.lineMost())
	return rec
}

// Append adds a record. What can't be written is counted, and told in the
// ring when it can be written to again.
func (w *Writer) Append(rec Record) {
	r := w.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	if w.closed {
		return
	}
	rec.Text = cut(rec.Text, r.lineMost())
	if len(w.buf)+overhead+len(rec.Text) > r.bufferMost() {
		w.flushLocked()
	}
	if len(w.buf) == 0 {
		w.first = rec.Time
	}
	w.buf = appendRecord(w.buf, rec)
	w.lines++
	if !w.armed {
		w.armed = true
		time.AfterFunc(r.opt.flushAfter, w.flushLate)
	}
}

func (w *Writer) flushLate() {
	w.ring.mu.Lock()
	defer w.ring.mu.Unlock()
	w.armed = false
	w.flushLocked()
	w.buf = nil // nothing is held for a container that is silent
}

// Close writes out what is in memory.
func (w *Writer) Close() {
	w.ring.mu.Lock()
	defer w.ring.mu.Unlock()
	w.flushLocked()
	w.closed = true
	w.leaveLocked()
	w.ring.writers = slices.DeleteFunc(w.ring.writers, func(other *Writer) bool { return other == w })
}

// flushLocked writes the buffer out.
func (w *Writer) flushLocked() {
	if len(w.buf) == 0 {
		return
	}
	r := w.ring
	err := w.writeLocked()
	switch {
	case err != nil:
		if r.lost == 0 {
			r.opt.Logger.Warn("container output not kept; will retry", "ring", r.dir, "error", err)
		}
		r.lost += w.lines
		r.why = err
		w.leaveLocked()
	case r.lost > 0:
		text := fmt.Sprintf("%d lines were not kept: %s", r.lost, r.why)
		r.opt.Logger.Info("container output is kept again", "ring", r.dir, "lost", r.lost)
		r.lost, r.why = 0, nil
		w.buf = appendRecord(w.buf[:0], Record{Time: w.first, Stream: Notice, Text: text})
		w.lines = 0
		_ = w.writeLocked() // it was told in the log
	}
	w.buf, w.lines = w.buf[:0], 0
	r.tellLocked()
}

// writeLocked appends the buffer to the current segment, or to a new one.
func (w *Writer) writeLocked() error {
	r := w.ring
	if w.current != nil && (w.current.size+int64(len(w.buf)) > r.segmentMost() || w.isOld()) {
		w.leaveLocked()
	}
	size, extra := int64(0), []byte(nil)
	if w.current == nil {
		var err error
		if extra, err = encodeHeader(w.source, w.first); err != nil {
			return err
		}
	} else {
		size = w.current.size
	}
	after := size + int64(len(extra)+len(w.buf))
	if err := r.makeRoomLocked(onDisk(after) - onDisk(size)); err != nil {
		return err
	}
	if w.current == nil && extra == nil { // dropped to make room
		return w.writeLocked()
	}
	if w.current == nil {
		var err error
		if w.current, w.file, err = r.addLocked(w, w.first); err != nil {
			return err
		}
		w.began = time.Now()
	}
	if extra != nil {
		return w.putLocked(append(extra, w.buf...), after)
	}
	return w.putLocked(w.buf, after)
}

func (w *Writer) putLocked(data []byte, after int64) error {
	n, err := w.file.Write(data)
	s := w.current
	size := s.size + int64(n)
	if err == nil {
		size = after
	}
	w.ring.used += onDisk(size) - onDisk(s.size)
	s.size, s.touched = size, time.Now()
	if err != nil {
		return fmt.Errorf("write log segment: %w", err)
	}
	return nil
}

// isOld tells that a segment should end, so that what is in it expires in parts.
func (w *Writer) isOld() bool {
	return w.ring.opt.Age > 0 && time.Since(w.began) > w.ring.opt.Age/sweepParts
}

// leaveLocked ends the current segment.
func (w *Writer) leaveLocked() {
	if w.file != nil {
		_ = w.file.Close() // what it did not take was told by write
	}
	if w.current != nil {
		w.current.writer = nil
	}
	w.current, w.file = nil, nil
}

// Last returns the last records that the ring keeps of the container.
func (w *Writer) Last(n int) ([]Record, error) {
	reader, err := w.ring.Read(Query{Only: []string{w.source.Container}, Tail: n})
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	var last []Record
	for {
		e, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return nil, err
		}
		if e.Source.Container == w.source.Container {
			last = append(last, e.Record)
		}
	}
}

// Floor is the time that the ring reaches back to. Output from before it was
// dropped, or would be at once.
func (w *Writer) Floor() time.Time {
	r := w.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	var floor time.Time
	if r.opt.Age > 0 {
		floor = time.Now().Add(-r.opt.Age)
	}
	if r.used < r.opt.Cap*3/4 { // nothing was dropped for want of room
		return floor
	}
	first := r.segments[0].first
	for _, s := range r.segments {
		if s.first.Before(first) {
			first = s.first
		}
	}
	if first.After(floor) {
		return first
	}
	return floor
}
