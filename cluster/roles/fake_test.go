package roles

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"maelstrom/cluster"
)

var errAway = errors.New("database is away")

// table is a lease table in memory, shared by the nodes of a test.
type table struct {
	mu     sync.Mutex
	rows   map[string]cluster.Lease
	writes int
}

func newTable() *table { return &table{rows: map[string]cluster.Lease{}} }

// node is the table as one node reaches it.
type node struct {
	*table
	away   bool          // every call fails
	frozen chan struct{} // not nil: calls hang until it is closed or ctx ends
}

func (n *node) enter(ctx context.Context) error {
	n.mu.Lock()
	away, frozen := n.away, n.frozen
	n.mu.Unlock()
	if frozen != nil {
		select {
		case <-frozen:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if away {
		return errAway
	}
	return ctx.Err()
}

// row returns a lease, writes how often any was written.
func (t *table) row(role string) cluster.Lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rows[role]
}

func (t *table) written() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writes
}

func (n *node) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

func (n *node) Leases(ctx context.Context) ([]cluster.Lease, error) {
	if err := n.enter(ctx); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.SortedFunc(maps.Values(n.rows), func(a, b cluster.Lease) int { return cmp.Compare(a.Role, b.Role) }), nil
}

func (n *node) RenewLeases(ctx context.Context, holder string, held []cluster.Hold) (still []cluster.Hold, err error) {
	if err := n.enter(ctx); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, h := range held {
		if l := n.rows[h.Role]; l.Holder == holder && l.Fence == h.Fence {
			l.Beat++
			n.rows[h.Role] = l
			n.writes++
			still = append(still, h)
		}
	}
	return still, nil
}

func (n *node) TakeLease(ctx context.Context, observed cluster.Lease, holder string) (cluster.Lease, bool, error) {
	if err := n.enter(ctx); err != nil {
		return observed, false, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l, ok := n.rows[observed.Role]
	if ok && l != observed || !ok && observed.Fence != 0 {
		return l, false, nil
	}
	l = cluster.Lease{Role: observed.Role, Holder: holder, Fence: observed.Fence + 1, Beat: observed.Beat + 1}
	n.rows[l.Role] = l
	n.writes++
	return l, true, nil
}

func (n *node) GiveLease(ctx context.Context, hold cluster.Hold) error {
	if err := n.enter(ctx); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.rows[hold.Role]; l.Holder == hold.Holder && l.Fence == hold.Fence {
		l.Holder = ""
		n.rows[hold.Role] = l
		n.writes++
	}
	return nil
}
