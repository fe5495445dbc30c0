package reconcile

import (
	"bytes"
	"time"
)

// steadyFor is how long a file of sources has to be the same before what it
// does not declare is deleted: whoever writes it may be halfway.
const steadyFor = 5 * time.Second

// steady tells whether a file is written to.
type steady struct {
	data  []byte
	since time.Time // when data was read first
}

// read tells whether data was read long ago already, and everything since was
// the same. Modified is when the file was written; zero: what is read of it is
// always whole. A time to come is of another clock and says nothing.
func (s *steady) read(data []byte, modified, now time.Time) bool {
	if s.since.IsZero() || !bytes.Equal(s.data, data) {
		s.data, s.since = bytes.Clone(data), now
	}
	young := now.Sub(modified) < youngFile && !modified.After(now)
	return modified.IsZero() || now.Sub(s.since) >= steadyFor && !young
}
