// Package logring keeps output on disk: a ring of segment files for each
// component, bounded in size and age. What was written before the process was
// killed can be read; a record that was being written then is dropped.
package logring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// Options are the settings of a Store.
type Options struct {
	Cap    int64         // bytes on disk of one ring, from 64 KiB
	Age    time.Duration // what is older is dropped; 0: only size counts
	Logger *slog.Logger  // may be nil

	flushAfter time.Duration // 0: flushAfter
}

const (
	minCap     = 64 << 10
	sweepParts = 8 // of Age: how often, and how long a segment is written to
	sweepLeast = time.Minute
	flushAfter = 50 * time.Millisecond
)

// Store is a directory of rings, one for each component.
type Store struct {
	dir string
	opt Options

	mu    sync.Mutex
	rings map[string]*Ring
}

// Open returns the Store in a directory, which is made at the first write.
func Open(dir string, opt Options) (*Store, error) {
	if opt.Cap < minCap {
		return nil, fmt.Errorf("open log rings: a ring of %d bytes is too small: at least %d", opt.Cap, minCap)
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	opt.flushAfter = cmp.Or(opt.flushAfter, flushAfter)
	return &Store{dir: dir, opt: opt, rings: map[string]*Ring{}}, nil
}

var ringName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$`)

// Ring returns the ring of a name, which need not have output yet.
func (s *Store) Ring(name string) (*Ring, error) {
	if !ringName.MatchString(name) {
		return nil, fmt.Errorf("open log ring: %q is no name of one", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rings[name]
	if r == nil {
		r = newRing(filepath.Join(s.dir, name), s.opt)
		s.rings[name] = r
	}
	return r, nil
}

// Names lists the rings that have a directory, sorted.
func (s *Store) Names() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list log rings: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && ringName.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Sweep drops what is too old, and rings that have nothing left.
func (s *Store) Sweep() error {
	names, err := s.Names()
	if err != nil || s.opt.Age <= 0 {
		return err
	}
	var errs []error
	for _, name := range names {
		r, err := s.Ring(name)
		if err == nil {
			err = r.expire(time.Now().Add(-s.opt.Age))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Run sweeps now and then until ctx ends, and writes out what is in memory.
func (s *Store) Run(ctx context.Context) error {
	defer s.Flush()
	period := time.Hour * 24
	if s.opt.Age > 0 {
		period = max(s.opt.Age/sweepParts, sweepLeast)
	}
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		if err := s.Sweep(); err != nil {
			s.opt.Logger.Warn("old output not removed", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Flush writes out what is in memory.
func (s *Store) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rings {
		r.Flush()
	}
}
