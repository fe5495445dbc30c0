package histories

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"maelstrom/cluster"
)

// failoverTime is how long a failover may take beside a frozen holder. The
// database ends the frozen transaction later than that by itself.
const failoverTime = 2 * time.Second

// A holder that freezes in the middle of a write, with its rows locked: the
// role is taken and works at once, and the write is refused when it thaws.
func TestFrozenHolderBlocksNobody(t *testing.T) {
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) { frozenHolder(t, s.open(t)) })
	}
}

func frozenHolder(t *testing.T, s *server) {
	w := newWorld("frozen", 1, calm)
	ctx, other := t.Context(), s.stores[0]
	lease, taken, err := s.client.TakeLease(ctx, cluster.Lease{Role: w.role}, "holder")
	if err != nil || !taken {
		t.Fatalf("take: %v, %v", taken, err)
	}
	late := w.freezeInWrite(t, s, cluster.Hold{Role: w.role, Holder: "holder", Fence: lease.Fence})

	soon, cancel := context.WithTimeout(ctx, failoverTime)
	defer cancel()
	taken2, taken, err := other.TakeLease(soon, leaseOf(soon, other, w.role), "other")
	if err != nil || !taken {
		t.Fatalf("take beside a frozen holder: %v, %v", taken, err)
	}
	hold := cluster.Hold{Role: w.role, Holder: "other", Fence: taken2.Fence}
	if mine, err := other.ClaimFiring(soon, hold, w.firing(0)); err != nil || !mine {
		t.Fatalf("claim beside a frozen holder: %v, %v", mine, err)
	}

	if err := s.client.thaw(); err != nil {
		t.Fatal(err)
	}
	if err := <-late; !errors.Is(err, cluster.ErrFenced) {
		t.Fatalf("the late write ended with %v, want %v", err, cluster.ErrFenced)
	}
	if _, err := other.WritePlacements(ctx, hold, w.placed("other")); err != nil {
		t.Fatalf("write what the frozen holder had locked: %v", err)
	}
}

// freezeInWrite freezes the client when all of its write is done but the check
// of its fence, and returns how the write ends in the end.
func (w *world) freezeInWrite(t *testing.T, s *server, hold cluster.Hold) (late <-chan error) {
	t.Helper()
	frozen := make(chan error, 1)
	s.clientProxy().follow(func(message []byte) action {
		if !bytes.Contains(message, []byte("insert into mael_change ")) {
			return action{}
		}
		s.clientProxy().follow(nil)
		return action{before: func() { frozen <- s.client.freeze() }}
	})
	ended := make(chan error, 1)
	go func() {
		_, err := s.client.WritePlacements(context.WithoutCancel(t.Context()), hold, w.placed("holder"))
		ended <- err
	}()
	select {
	case err := <-frozen:
		if err != nil {
			t.Fatal(err)
		}
	case err := <-ended:
		t.Fatalf("write ended before it froze: %v", err)
	}
	return ended
}

// placed is the placement of the history, on a node.
func (w *world) placed(node string) []cluster.PlacementWrite {
	return []cluster.PlacementWrite{{Insert: &cluster.Placement{ID: w.placement, Component: w.components[0], Node: node, Want: cluster.WantRun}}}
}
