package peer

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// goneLimit bounds a look at whether a node is gone.
const goneLimit = 250 * time.Millisecond

// Gone tells whether the daemon of a node that was heard is no longer there: its
// stream has ended, and its machine refuses a new connection. One that does not
// answer may be there.
func (h *Hub) Gone(ctx context.Context, node string) bool {
	h.mu.Lock()
	r := h.remotes[node]
	ended := h.open && r != nil && r.stream == nil && !r.heard.IsZero()
	h.mu.Unlock()
	if !ended {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, goneLimit)
	defer cancel()
	conn, err := h.Dial(ctx, node, "http/1.1")
	if err == nil {
		_ = conn.Close() // it was there to be looked at
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
