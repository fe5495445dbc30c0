package daemon

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/store/storesim"
)

var (
	clusterSeeds = flag.Int("cluster.seeds", 50, "how many histories of a cluster are run")
	clusterFirst = flag.Uint64("cluster.first", 1, "the first seed")
	clusterSteps = flag.Int("cluster.steps", 15, "steps of each history")
	clusterLevel = flag.Int("cluster.level", int(slog.LevelWarn), "from which level on a history has what daemons log")
)

// Random histories of a cluster: requests, changes and drains, while nodes are
// killed and frozen, cut off from each other and from the database, and their
// engines fail. What is promised holds after every step, and once the faults
// end, what runs is what should. A seed fixes the steps; in which order the
// daemons come to run beside each other differs from run to run.
func TestPromisesHoldInRandomHistoriesOfClusters(t *testing.T) {
	for seed := *clusterFirst; seed < *clusterFirst+uint64(*clusterSeeds); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			runClusterSeed(t, seed, *clusterSteps)
		})
	}
}

func runClusterSeed(t *testing.T, seed uint64, steps int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { newChronicle(t, seed).run(steps) })
}

// chronicle is a history of a cluster.
type chronicle struct {
	*fleet
	t    *testing.T
	rand *rand.Rand
	cast []*role

	ends    []ending // of faults, by time
	calls   sync.WaitGroup
	fences  map[string]int64
	watched chan struct{} // closed when it is over

	mu      sync.Mutex
	answers map[string]int
	fired   map[string]int // requests of schedules that reached a container, by path
}

// ending is when a fault is over.
type ending struct {
	at  time.Time
	end func()
}

func newChronicle(t *testing.T, seed uint64) *chronicle {
	c := &chronicle{
		t: t, rand: rand.New(rand.NewPCG(seed, 7)), cast: newCast(),
		fences: map[string]int64{}, watched: make(chan struct{}), answers: map[string]int{}, fired: map[string]int{},
	}
	size, ahead := 3, []time.Duration{0, time.Hour, -time.Hour}[c.rand.IntN(3)]
	if c.rand.IntN(8) == 0 {
		size = 5
	}
	c.fleet = newFleet(t, size, ahead, c.images)
	c.note("%d nodes; the database's clock is %v ahead", size, ahead)
	c.setClocks(1)
	return c
}

func (c *chronicle) note(format string, args ...any) { c.diary.note(format, args...) }

func (c *chronicle) fail(format string, args ...any) {
	c.t.Helper()
	c.note("FAILED: "+format, args...)
	c.t.Errorf(time.Now().Format("04:05.000 ")+format, args...)
}

func (c *chronicle) run(steps int) {
	defer func() {
		if c.t.Failed() {
			c.t.Logf("history:\n%s", c.diary)
		}
	}()
	defer c.close()
	for _, n := range c.nodes {
		n.begin()
	}
	c.await("all nodes are ready", 30*time.Second, c.allReady)
	c.declare()
	var watch sync.WaitGroup
	watch.Go(c.keepWatching)
	for range steps {
		c.step()
		c.setClocks(10)
		c.pass(time.Duration(c.rand.IntN(3000)) * time.Millisecond)
		synctest.Wait()
		c.check()
		if c.t.Failed() {
			break
		}
	}
	c.calm()
	close(c.watched)
	watch.Wait()
}

// pass lets time go by, in which faults end.
func (c *chronicle) pass(d time.Duration) {
	until := time.Now().Add(d)
	for {
		next, which := until, -1
		for i, e := range c.ends {
			if e.at.Before(next) {
				next, which = e.at, i
			}
		}
		if pause := time.Until(next); pause > 0 {
			wait(pause)
		}
		if which < 0 {
			return
		}
		end := c.ends[which].end
		c.ends = append(c.ends[:which:which], c.ends[which+1:]...)
		end()
	}
}

// later has a fault end within some time.
func (c *chronicle) later(within time.Duration, what string, end func()) {
	c.ends = append(c.ends, ending{time.Now().Add(rand0(c.rand, within)), func() {
		c.note("%s", what)
		end()
	}})
}

func rand0(r *rand.Rand, within time.Duration) time.Duration {
	return time.Duration(1 + r.Int64N(int64(within)))
}

// await fails unless something comes about in time; it tells what is missing.
func (c *chronicle) await(what string, limit time.Duration, missing func() string) {
	c.t.Helper()
	deadline, why := time.Now().Add(limit), ""
	for time.Now().Before(deadline) {
		synctest.Wait()
		if why = missing(); why == "" {
			return
		}
		c.pass(500 * time.Millisecond)
	}
	for _, n := range c.nodes {
		if d := n.live(); d != nil {
			err, _ := d.feed.Health()
			c.note("%s sees the roles %+v; the database's last answer: %v", n.id, d.keeper.Roles(), err)
		}
	}
	c.fail("within %v it is not so that %s: %s", limit, what, why)
}

func (c *chronicle) allReady() string {
	for _, n := range c.nodes {
		if !n.ready() {
			return n.id + " is not ready"
		}
	}
	return ""
}

// calm ends all faults; then everything comes to rest where it should.
func (c *chronicle) calm() {
	c.note("calm")
	c.ends = nil
	c.fabric.heal()
	for _, n := range c.nodes {
		c.server.Set(n.id, storesim.Way{})
		n.engine.Up()
		n.engine.Slow(0)
		n.frozen = false
		if n.down {
			n.begin()
		}
	}
	c.await("all nodes are ready after the faults", 30*time.Second, c.allReady)
	c.undrainAll()
	c.mend()
	c.calls.Wait()
	c.t.Logf("answers: %v", c.answers)
	c.await("everything is at rest", 3*time.Minute, c.restless)
	if c.t.Failed() {
		return
	}
	c.askAll()
	c.checkSchedules()
}

// keepWatching looks at what must never be so for a moment.
func (c *chronicle) keepWatching() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	hits := c.hits()
	for {
		select {
		case <-c.watched:
			return
		case <-tick.C:
		}
		for i, now := range c.hits() {
			if now != hits[i] {
				hits[i] = now
				c.nodes[i].happened.Store(time.Now().UnixNano())
			}
		}
		holders := map[string]string{}
		for _, n := range c.nodes {
			d := n.live()
			if d == nil {
				continue
			}
			for _, role := range []string{cluster.RolePlacement, cluster.RoleCron} {
				if _, holds := d.keeper.Hold(role); !holds {
					continue
				}
				if holders[role] != "" {
					c.fail("%s and %s hold the role %s", holders[role], n.id, role)
				}
				holders[role] = n.id
			}
		}
	}
}

// within limits an operator's call.
func within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}
