package peer

import (
	"time"

	"maelstrom/cluster"
)

// sameClock is how far the clocks of two nodes may be apart to count as one:
// more than a message takes.
const sameClock = time.Second

// clockSkew is how far this node's clock is ahead of another's; zero: not by
// much.
func clockSkew(now, theirs time.Time) time.Duration {
	skew := now.Sub(theirs)
	if skew.Abs() < sameClock {
		return 0
	}
	return skew
}

// shift puts the times in a node's list on this node's clock, by which they
// are compared here.
func shift(l *cluster.InstanceList, skew time.Duration) {
	if skew == 0 {
		return
	}
	for n := range l.Instances {
		i := &l.Instances[n]
		for _, t := range []*time.Time{&i.StartedAt, &i.ReadyAt, &i.BackoffUntil, &i.LaunchedAt, &i.LastFailureAt} {
			if !t.IsZero() {
				*t = t.Add(skew)
			}
		}
	}
}
