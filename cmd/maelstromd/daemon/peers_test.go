package daemon

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/peer"
)

// Peers are there where they were asked for, and the database is shared.
func TestPeersAreOffUnlessConfigured(t *testing.T) {
	for _, c := range []struct {
		driver, address string
		want            bool
	}{
		{"sqlite", "", false}, {"sqlite", ":8376", false}, {"postgres", "", false}, {"postgres", ":8376", true}, {"mysql", ":8376", true},
	} {
		d := newDaemon(Options{SQLDriver: c.driver, PeerAddr: c.address}, Surroundings{}.withDefaults(Options{}))
		d.buildPeers()
		if got := d.hub != nil && d.nodes != nil; got != c.want {
			t.Errorf("%s, MAEL_PEER_ADDR=%q: peers %v, want %v", c.driver, c.address, got, c.want)
		}
		if _, told := d.agentFeed().(toldFeed); told != c.want {
			t.Errorf("%s, MAEL_PEER_ADDR=%q: instances are told to others: %v", c.driver, c.address, told)
		}
	}
}

// Who can't be asked is no holder, so that whoever waits tries again.
func TestAHolderThatCannotBeAskedIsNone(t *testing.T) {
	broken := fmt.Errorf("ask node b: %w", peer.ErrNoStream)
	if err := asHolder(broken); !errors.Is(err, cluster.ErrNotHolder) || !errors.Is(err, peer.ErrNoStream) {
		t.Errorf("a broken stream is %v", err)
	}
	for _, err := range []error{nil, context.Canceled, cluster.ErrConflict} {
		if got := asHolder(err); got != err {
			t.Errorf("%v becomes %v", err, got)
		}
	}
}
