package logring

import (
	"cmp"
	"container/heap"
	"context"
	"io"
	"slices"
	"time"
)

// Query selects records of a ring.
type Query struct {
	Since, Until time.Time // inclusive; zero: without an end
	Tail         int       // the last records; 0: all
	Each         bool      // Tail is of each container, not of all together

	// Only are the containers to read, and those that come to the ring later;
	// nil: all.
	Only []string
}

// Entry is a record and the container that it is from.
type Entry struct {
	Record
	Source Source
}

// Reader reads a ring: what is there by time, then what comes, in the order
// in which it comes. It holds a buffer for each container that wrote at the
// time it is at, and can be slower than those who write: then it misses what
// is dropped meanwhile.
type Reader struct {
	ring    *Ring
	query   Query
	known   map[string]*cursor // by container; nil: not to be read
	ready   cursors
	waiting []*cursor // that have nothing more to give now
	skip    int
}

// Read returns a Reader; Close it.
func (r *Ring) Read(q Query) (*Reader, error) {
	if r.opt.Age > 0 {
		if oldest := time.Now().Add(-r.opt.Age); q.Since.Before(oldest) {
			q.Since = oldest
		}
	}
	reader := &Reader{ring: r, query: q, known: map[string]*cursor{}}
	if err := reader.begin(); err != nil {
		return nil, err
	}
	if q.Tail <= 0 {
		return reader, nil
	}
	if err := reader.skipTo(q.Tail); err != nil {
		reader.Close()
		return nil, err
	}
	return reader, nil
}

func (d *Reader) begin() error {
	r := d.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.loadLocked(); err != nil {
		return err
	}
	r.flushLocked()
	for _, s := range r.segments {
		id := s.source.Container
		if _, seen := d.known[id]; seen {
			continue
		}
		if d.query.Only != nil && !slices.Contains(d.query.Only, id) {
			d.known[id] = nil
			continue
		}
		d.addLocked(s)
	}
	return nil
}

func (d *Reader) addLocked(s *segment) {
	c := &cursor{ring: d.ring, source: s.source, key: s.first, order: len(d.known)}
	d.known[s.source.Container] = c
	heap.Push(&d.ready, c)
}

// skipTo counts what there is and makes the Reader start at the last records.
func (d *Reader) skipTo(tail int) error {
	count := &Reader{ring: d.ring, query: d.query, known: map[string]*cursor{}}
	defer count.Close()
	if err := count.begin(); err != nil {
		return err
	}
	all, each := 0, map[string]int{}
	for {
		e, err := count.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		all++
		each[e.Source.Container]++
	}
	if !d.query.Each {
		d.skip = all - tail
		return nil
	}
	for id, n := range each {
		if c := d.known[id]; c != nil {
			c.skip = n - tail
		}
	}
	return nil
}

// Next returns the next record; io.EOF if there is none now.
func (d *Reader) Next() (Entry, error) {
	for len(d.ready) > 0 {
		c := d.ready[0]
		if !c.has {
			if err := d.fill(c); err != nil {
				return Entry{}, err
			}
			continue
		}
		rec := c.head
		c.has = false
		if !d.wants(c, rec) {
			continue
		}
		return Entry{Record: rec, Source: c.source}, nil
	}
	return Entry{}, io.EOF
}

// fill gives the first cursor of the heap its place by its next record.
func (d *Reader) fill(c *cursor) error {
	err := c.advance()
	switch {
	case err == io.EOF:
		heap.Pop(&d.ready)
		d.waiting = append(d.waiting, c)
		return nil
	case err != nil:
		return err
	}
	c.key = c.head.Time
	heap.Fix(&d.ready, 0)
	return nil
}

func (d *Reader) wants(c *cursor, rec Record) bool {
	q := &d.query
	if rec.Time.Before(q.Since) || !q.Until.IsZero() && rec.Time.After(q.Until) {
		return false
	}
	if c.skip > 0 {
		c.skip--
		return false
	}
	if d.skip > 0 {
		d.skip--
		return false
	}
	return true
}

// Wait returns when Next may have more.
func (d *Reader) Wait(ctx context.Context) error {
	for {
		changed := d.refresh()
		if len(d.ready) > 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// refresh makes cursors ready that have more, and those of new containers.
func (d *Reader) refresh() <-chan struct{} {
	r := d.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := r.waitLocked()
	for _, s := range r.segments {
		c, seen := d.known[s.source.Container]
		switch {
		case !seen:
			d.addLocked(s)
		case c == nil || !c.hasMore(s):
		case slices.Contains(d.waiting, c):
			d.waiting = slices.DeleteFunc(d.waiting, func(other *cursor) bool { return other == c })
			c.key = time.Time{} // until it is filled
			heap.Push(&d.ready, c)
		}
	}
	return changed
}

// Close gives back what the Reader holds.
func (d *Reader) Close() {
	for _, c := range d.known {
		if c != nil {
			c.leave()
		}
	}
}

// cursors is a heap by time, and by who came first to the ring.
type cursors []*cursor

func (h cursors) Len() int { return len(h) }
func (h cursors) Less(i, j int) bool {
	return cmp.Or(h[i].key.Compare(h[j].key), cmp.Compare(h[i].order, h[j].order)) < 0
}
func (h cursors) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *cursors) Push(c any)   { *h = append(*h, c.(*cursor)) }
func (h *cursors) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
