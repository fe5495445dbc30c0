package gateway

import (
	"net/netip"
	"time"
)

// waiter is one request in a queue. Its outcome is sent exactly once, unless
// it is removed before.
type waiter struct {
	outcome chan outcome // buffered
	since   time.Time
	place   uint64 // in the line
	cold    bool   // no instance was ready when it came
	passive int16  // exchange.passive
	size    int64  // bytes, about

	prev, next   *waiter // in the queue; next is younger
	older, newer *waiter // of the same client
	from         *client // nil: not in a queue
}

// outcome ends a wait: an instance with a slot taken, or a refusal.
type outcome struct {
	instance *instance
	refusal  *refusal
}

// client is who waits in a queue, and how often.
type client struct {
	addr           netip.Addr
	count          int
	oldest, newest *waiter
	prev, next     *client // among those with as many
}

// queue is a bounded FIFO. Fairness binds only when it is full, or the memory
// for waiting requests is: then the newest entry of the client with most entries
// makes room. Every operation takes constant time.
type queue struct {
	limit       int
	memory      *budget // nil: not bounded
	size        int
	passive     int // of size
	first, last *waiter
	clients     map[netip.Addr]*client
	byCount     []*client // by number of entries, the first client with as many
	most        int       // entries of the client with most
}

// add appends w for a client. If there is no room it returns who makes some,
// or false if w itself has to go.
func (q *queue) add(w *waiter, addr netip.Addr) (victim *waiter, ok bool) {
	addr = clientKey(addr)
	if scarce := !q.memory.fits(w.size); scarce || q.size >= q.limit {
		if q.most == 0 || q.countOf(addr)+1 >= q.most {
			return nil, false
		}
		victim = q.byCount[q.most].newest
		if scarce && victim.size < w.size {
			return nil, false
		}
		q.remove(victim)
	}
	w.prev = q.last
	if q.last != nil {
		q.last.next = w
	} else {
		q.first = w
	}
	q.last = w
	c := q.enlist(w, addr)
	w.older = c.newest
	if c.newest != nil {
		c.newest.newer = w
	} else {
		c.oldest = w
	}
	c.newest = w
	return victim, true
}

// putBack puts w where it was before: in front of all who came later. Those
// before it have come back as well, and are few.
func (q *queue) putBack(w *waiter, addr netip.Addr) {
	before, after := (*waiter)(nil), q.first
	for after != nil && after.place < w.place {
		before, after = after, after.next
	}
	w.prev, w.next = before, after
	if before != nil {
		before.next = w
	} else {
		q.first = w
	}
	if after != nil {
		after.prev = w
	} else {
		q.last = w
	}
	c := q.enlist(w, clientKey(addr))
	before, after = nil, c.oldest
	for after != nil && after.place < w.place {
		before, after = after, after.newer
	}
	w.older, w.newer = before, after
	if before != nil {
		before.newer = w
	} else {
		c.oldest = w
	}
	if after != nil {
		after.older = w
	} else {
		c.newest = w
	}
}

// take removes the head, nil if nobody waits.
func (q *queue) take() *waiter {
	w := q.first
	if w != nil {
		q.remove(w)
	}
	return w
}

// remove takes w out, wherever it is; false if it is in no queue.
func (q *queue) remove(w *waiter) bool {
	c := w.from
	if c == nil {
		return false
	}
	unlink(&q.first, &q.last, w.prev, w.next)
	if w.older != nil {
		w.older.newer = w.newer
	} else {
		c.oldest = w.newer
	}
	if w.newer != nil {
		w.newer.older = w.older
	} else {
		c.newest = w.older
	}
	w.prev, w.next, w.older, w.newer, w.from = nil, nil, nil, nil, nil
	q.size--
	q.memory.take(-w.size)
	if w.passive != 0 {
		q.passive--
	}
	q.recount(c, -1)
	return true
}

// unlink closes the gap between two neighbours.
func unlink(first, last **waiter, prev, next *waiter) {
	if prev != nil {
		prev.next = next
	} else {
		*first = next
	}
	if next != nil {
		next.prev = prev
	} else {
		*last = prev
	}
}

func (q *queue) enlist(w *waiter, addr netip.Addr) *client {
	c := q.clients[addr]
	if c == nil {
		c = &client{addr: addr}
		if q.clients == nil {
			q.clients = map[netip.Addr]*client{}
		}
		q.clients[addr] = c
	}
	w.from = c
	q.size++
	q.memory.take(w.size)
	if w.passive != 0 {
		q.passive++
	}
	q.recount(c, +1)
	return c
}

// recount moves c to its neighbours in number.
func (q *queue) recount(c *client, by int) {
	if c.count > 0 {
		if c.prev != nil {
			c.prev.next = c.next
		} else {
			q.byCount[c.count] = c.next
		}
		if c.next != nil {
			c.next.prev = c.prev
		}
		c.prev, c.next = nil, nil
	}
	c.count += by
	for len(q.byCount) <= c.count {
		q.byCount = append(q.byCount, nil)
	}
	if c.count == 0 {
		delete(q.clients, c.addr)
	} else {
		c.next = q.byCount[c.count]
		if c.next != nil {
			c.next.prev = c
		}
		q.byCount[c.count] = c
	}
	q.most = max(q.most, c.count)
	for q.most > 0 && q.byCount[q.most] == nil {
		q.most--
	}
	if q.size == 0 {
		q.byCount, q.clients = nil, nil // a herd leaves no memory behind
	}
}

func (q *queue) countOf(addr netip.Addr) int {
	if c := q.clients[addr]; c != nil {
		return c.count
	}
	return 0
}

// active is how many wait that count as load.
func (q *queue) active() int { return q.size - q.passive }

// clientKey is what counts as one client: an IPv4 address, or the network
// that an IPv6 customer has to itself.
func clientKey(a netip.Addr) netip.Addr {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
