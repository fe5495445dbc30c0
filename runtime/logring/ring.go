package logring

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Ring is the kept output of one component. Its methods are safe for
// concurrent use.
type Ring struct {
	dir string
	opt Options

	mu       sync.Mutex
	loaded   bool
	segments []*segment    // by seq
	used     int64         // bytes on disk
	last     uint64        // seq
	writers  []*Writer     // in the order in which they came
	changed  chan struct{} // closed at the next write; nil: nobody waits
	lost     int           // lines that could not be written
	why      error
}

func newRing(dir string, opt Options) *Ring {
	return &Ring{dir: dir, opt: opt}
}

// The parts of a ring follow its size: dropping the oldest segment takes
// little away, and several writers fit.
func (r *Ring) segmentMost() int64 { return r.opt.Cap / 8 }
func (r *Ring) bufferMost() int    { return int(min(64<<10, r.segmentMost()/4)) }
func (r *Ring) lineMost() int      { return int(min(defaultLine, r.segmentMost()/4)) - overhead }

// Used tells how many bytes the ring takes on disk.
func (r *Ring) Used() (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.loadLocked(); err != nil {
		return 0, err
	}
	return r.used, nil
}

// Flush writes out what is in memory.
func (r *Ring) Flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flushLocked()
}

func (r *Ring) flushLocked() {
	for _, w := range r.writers {
		w.flushLocked()
	}
}

// loadLocked reads what an earlier process left, once.
func (r *Ring) loadLocked() error {
	if r.loaded {
		return nil
	}
	r.segments, r.used = nil, 0
	files, err := segmentFiles(r.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read log ring: %w", err)
	}
	for _, seq := range files {
		r.last = seq
		s, err := loadSegment(r.dir, seq)
		if errors.Is(err, errCorrupt) { // it was being made when the process was killed
			_ = os.Remove(filepath.Join(r.dir, segmentName(seq)))
			continue
		}
		if err != nil {
			return fmt.Errorf("read log ring: %w", err)
		}
		r.segments = append(r.segments, s)
		r.used += onDisk(s.size)
	}
	r.loaded = true
	return r.makeRoomLocked(0)
}

// makeRoomLocked drops the segments that were longest not written to, until
// so many bytes more fit.
func (r *Ring) makeRoomLocked(more int64) error {
	for r.used+more > r.opt.Cap && len(r.segments) > 0 {
		oldest := slices.MinFunc(r.segments, func(x, y *segment) int {
			return cmp.Or(x.touched.Compare(y.touched), cmp.Compare(x.seq, y.seq))
		})
		if err := r.dropLocked(oldest); err != nil {
			return err
		}
	}
	return nil
}

// dropLocked removes a segment. Who reads it already reads it to its end.
func (r *Ring) dropLocked(s *segment) error {
	if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("drop old output: %w", err)
	}
	if s.writer != nil {
		s.writer.leaveLocked()
	}
	r.used -= onDisk(s.size)
	r.segments = slices.DeleteFunc(r.segments, func(other *segment) bool { return other == s })
	return nil
}

// expire drops segments that were last written to before a time.
func (r *Ring) expire(before time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.loadLocked(); err != nil {
		return err
	}
	for _, s := range slices.Clone(r.segments) {
		if s.touched.Before(before) {
			if err := r.dropLocked(s); err != nil {
				return err
			}
		}
	}
	if len(r.segments) == 0 {
		_ = os.Remove(r.dir) // it may have a file that is not ours
	}
	return nil
}

// addLocked makes a new segment.
func (r *Ring) addLocked(w *Writer, first time.Time) (*segment, *os.File, error) {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make log ring: %w", err)
	}
	r.last++
	s := &segment{seq: r.last, source: w.source, first: first, writer: w}
	s.path = filepath.Join(r.dir, segmentName(s.seq))
	file, err := os.OpenFile(s.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("make log segment: %w", err)
	}
	r.segments = append(r.segments, s)
	return s, file, nil
}

// tellLocked wakes those who follow.
func (r *Ring) tellLocked() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

func (r *Ring) waitLocked() <-chan struct{} {
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return r.changed
}
