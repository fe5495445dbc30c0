package daemon

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

// signalLimit is how long after a queue has grown the decision to start more is
// stored.
const signalLimit = 500 * time.Millisecond

// startTime is what a start takes, with the looks at whether it is ready.
const startTime = 1100 * time.Millisecond

// growth is a queue that grows.
type growth struct {
	name     string
	learnt   time.Duration // what requests took before; zero: nothing runs before
	open     bool          // the first one is not answered yet
	takes    time.Duration
	requests int
}

// However little is known of how long requests take, and whether they come to the
// node that decides or to another: more is started within half a second of the moment
// at which somebody has to wait, and is ready after the time that a start takes.
func TestCapacityFollowsAQueueWithinHalfASecond(t *testing.T) {
	growths := []growth{
		{name: "from nothing", takes: 30 * time.Second, requests: 10},
		{name: "as long as ever", learnt: 2 * time.Second, takes: 2 * time.Second, requests: 20},
		{name: "nobody is answered any more", learnt: 50 * time.Millisecond, takes: 30 * time.Second, requests: 2},
		{name: "nobody was ever answered", learnt: time.Minute, open: true, takes: 30 * time.Second, requests: 3},
	}
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprintf("nodes=%d", nodes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, nodes, 0, func(string) map[string]fake.Image {
					return map[string]fake.Image{"web": {StartDelay: 300 * time.Millisecond, Boot: 700 * time.Millisecond, Handler: patient}}
				})
				defer f.close()
				for _, n := range f.nodes {
					n.begin()
				}
				for _, n := range f.nodes {
					for !n.ready() {
						wait(10 * time.Millisecond)
					}
				}
				f.nodes[0].apply(growing(len(growths)))
				wait(2 * time.Second) // all nodes know, and tell their load
				for i, g := range growths {
					f.grow(t, g, f.asker(), fmt.Sprint("c", i))
				}
			})
		})
	}
}

// asker is a node that does not decide, if there is one.
func (f *fleet) asker() *fleetNode {
	holder := f.nodes[0].daemon.keeper.Holder(cluster.RolePlacement)
	at := slices.IndexFunc(f.nodes, func(n *fleetNode) bool { return n.id == holder })
	return f.nodes[(at+1)%len(f.nodes)]
}

// growing is a project with components for so many queues.
func growing(queues int) string {
	var b strings.Builder
	b.WriteString("name: shop\ncomponents:\n")
	for i := range queues {
		fmt.Fprintf(&b, "  c%[1]d:\n    image: web\n    maxconcurrency: 1\n    reservememory: 4\n    maxinstances: 8\n    eventsources:\n      c%[1]d-http: {http: {hostname: c%[1]d.test}}\n", i)
	}
	return b.String()
}

// patient answers after the time that a request tells.
func patient(runtime.Spec) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if d, err := time.ParseDuration(r.Header.Get("Takes")); err == nil {
			pauseFor(r.Context(), d)
		}
	})
}

// grow lets a queue grow at a node, and looks at when what follows comes about.
func (f *fleet) grow(t *testing.T, g growth, asked *fleetNode, name string) {
	where := fmt.Sprintf("%s, asked at %s, decided at %s", g.name, asked.id, asked.daemon.keeper.Holder(cluster.RolePlacement))
	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer end()
	ask := func(takes time.Duration) { asked.keep(ctx, name+".test", takes) }
	switch {
	case g.open:
		all.Go(func() { ask(g.learnt) })
		wait(1500 * time.Millisecond)
	case g.learnt > 0:
		for range 4 {
			ask(g.learnt)
		}
		wait(300 * time.Millisecond)
	}
	before := map[string]bool{}
	list, _ := f.look().ByComponent.Get("shop_" + name)
	for _, pl := range list {
		before[pl.ID] = true
	}
	ready, signal := asked.serving(name), time.Now()
	for range g.requests {
		all.Go(func() { ask(g.takes) })
	}
	for asked.serving(name) == ready && time.Since(signal) < 10*time.Second {
		wait(time.Millisecond)
	}
	if took := time.Since(signal); took > signalLimit+startTime {
		t.Errorf("%s: more serves after %v", where, took)
	}
	decided := f.decided(name, before)
	if took := decided.Sub(signal); decided.IsZero() || took > signalLimit {
		t.Errorf("%s: more is decided after %v", where, took)
	}
}

// decided is when the database took the first placement of a component in that
// was not there before, by its clock; zero: it has not.
func (f *fleet) decided(name string, before map[string]bool) (first time.Time) {
	list, _ := f.look().ByComponent.Get("shop_" + name)
	for _, pl := range list {
		if !before[pl.ID] && (first.IsZero() || pl.CreatedAt.Before(first)) {
			first = pl.CreatedAt
		}
	}
	return first
}

// serving counts what a node knows to be ready of a component.
func (n *fleetNode) serving(name string) (ready int) {
	snap := n.daemon.feed.Snapshot()
	list, _ := snap.ByComponent.Get("shop_" + name)
	for _, pl := range list {
		if i, ok := snap.Instances.Get(pl.ID); ok && i.State == cluster.InstanceReady {
			ready++
		}
	}
	return ready
}

// keep sends a request and waits for its answer, or until ctx ends.
func (n *fleetNode) keep(ctx context.Context, host string, takes time.Duration) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/", nil)
	if err != nil {
		n.fleet.t.Error(err)
		return
	}
	request.Header.Set("Takes", takes.String())
	answer, err := n.answered(n.opt.PublicPort, request)
	if ctx.Err() == nil && (err != nil || answer.status != http.StatusOK) {
		n.fleet.t.Errorf("%s at %s is answered %d: %v", host, n.id, answer.status, err)
	}
}
