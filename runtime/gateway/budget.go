package gateway

import (
	"net/http"
	"sync/atomic"
)

// budget is the memory that all waiting requests of a node may take together,
// in bytes. All methods are safe for concurrent use.
type budget struct {
	limit int64 // 0: none
	used  atomic.Int64
}

// fits tells whether so much more may be taken.
func (b *budget) fits(size int64) bool {
	return b == nil || b.limit == 0 || b.used.Load()+size <= b.limit
}

// take counts what is there from now on, or with a size below zero no more.
func (b *budget) take(size int64) {
	if b != nil {
		b.used.Add(size)
	}
}

const (
	waitingSize = 16 << 10 // of a request that waits, with its connection, but for its header
	fieldSize   = 64       // of a field of a header, but for its text
)

// sizeOf is about how much memory a request takes while it waits. Its body is
// not read yet.
func sizeOf(r *http.Request) int64 {
	size := int64(waitingSize + len(r.RequestURI) + len(r.Host))
	for name, values := range r.Header {
		size += fieldSize + int64(len(name))
		for _, v := range values {
			size += int64(len(v))
		}
	}
	return size
}
