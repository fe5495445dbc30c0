package daemon

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"maelstrom/cluster"
)

// An Agent of the epoch before, whose write comes just after this start has
// joined, waits for the one that follows it; any other one ends the daemon.
func TestAnAgentThatIsSupersededByItsOwnStartWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		superseded := func(context.Context) error { return cluster.ErrSuperseded }
		ctx, follow := context.WithCancel(t.Context())
		defer follow()
		ended := make(chan error, 1)
		go func() { ended <- (&Daemon{unjoined: true}).agentLoop(superseded)(ctx) }()
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("it has ended: %v", err)
		default:
		}
		follow()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("once another one follows: %v", err)
		}
		if err := new(Daemon).agentLoop(superseded)(t.Context()); !errors.Is(err, cluster.ErrSuperseded) {
			t.Errorf("an Agent of this epoch: %v", err)
		}
	})
}
