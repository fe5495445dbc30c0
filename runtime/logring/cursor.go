package logring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

const readSize = 32 << 10

// cursor reads the segments of one container, one after the other.
type cursor struct {
	ring   *Ring
	source Source
	head   Record // the next record, if has
	has    bool
	key    time.Time // not later than its time
	order  int       // among containers with a record of the same time
	skip   int

	seq    uint64 // of the segment; 0: none yet
	file   *os.File
	offset int64  // of buf
	buf    []byte // read and not decoded
}

// advance reads the next record; io.EOF if there is none now.
func (c *cursor) advance() error {
	for {
		if c.file == nil {
			if err := c.open(); err != nil {
				return err
			}
		}
		err := c.read()
		if err == nil && !c.has { // the header
			continue
		}
		if !errors.Is(err, errCorrupt) {
			return err
		}
		c.leave()
	}
}

// open goes to the next segment of the container.
func (c *cursor) open() error {
	for {
		next := c.next()
		if next == nil {
			return io.EOF
		}
		c.seq, c.offset = next.seq, 0
		file, err := os.Open(next.path)
		switch {
		case errors.Is(err, fs.ErrNotExist): // dropped just now
			continue
		case err != nil:
			return fmt.Errorf("read log segment: %w", err)
		}
		c.file = file
		return nil
	}
}

func (c *cursor) next() *segment {
	c.ring.mu.Lock()
	defer c.ring.mu.Unlock()
	for _, s := range c.ring.segments {
		if s.seq > c.seq && s.source.Container == c.source.Container {
			return s
		}
	}
	return nil
}

// read decodes one record: errCorrupt where the segment ends for good, io.EOF
// where more may come.
func (c *cursor) read() error {
	for {
		rec, n, err := decodeRecord(c.buf)
		if err == nil {
			c.buf, c.offset = c.buf[n:], c.offset+int64(n)
			if rec.Stream != header {
				c.head, c.has = rec, true
			}
			return nil
		}
		if err != errShort {
			return err
		}
		if err := c.more(); err != nil {
			return err
		}
	}
}

// more reads on in the file.
func (c *cursor) more() error {
	writing := c.isWritten() // before the end is met: after it nothing comes
	have := len(c.buf)
	buf := make([]byte, have+readSize)
	copy(buf, c.buf)
	n, err := c.file.ReadAt(buf[have:], c.offset+int64(have))
	if err != nil && err != io.EOF {
		return fmt.Errorf("read log segment: %w", err)
	}
	c.buf = buf[:have+n]
	switch {
	case n > 0:
		return nil
	case writing:
		if have == 0 {
			c.buf = nil
		}
		return io.EOF
	}
	return errCorrupt // torn, or whole: the segment is over
}

// hasMore tells whether a segment has what was not read yet. Under the ring's
// lock.
func (c *cursor) hasMore(s *segment) bool {
	if s.seq != c.seq {
		return s.seq > c.seq
	}
	return c.file != nil && s.size > c.offset+int64(len(c.buf))
}

func (c *cursor) isWritten() bool {
	c.ring.mu.Lock()
	defer c.ring.mu.Unlock()
	for _, s := range c.ring.segments {
		if s.seq == c.seq {
			return s.writer != nil
		}
	}
	return false
}

// leave gives the file back.
func (c *cursor) leave() {
	if c.file != nil {
		_ = c.file.Close() // it was only read
	}
	c.file, c.buf = nil, nil
}
