package daemon

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/runtime/fake"
)

// Random histories of versions, of which many never work: each request is
// answered, and by a version that does, whatever the order and parallelism of
// roll-outs is; also while the role changes hands in the middle of one.
func TestBrokenVersionsNeverServeInRandomHistories(t *testing.T) {
	for seed := *simFirst; seed < *simFirst+uint64((*simSeeds+1)/2); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newRollouts(t, seed).run(*simSteps) })
		})
	}
}

// working are the images that serve, sooner or later.
var working = []string{"good", "slow", "far"}

// product is a component of a history of roll-outs.
type product struct {
	name, order, parallelism string
	max, min                 int
	image                    string
	edition                  int
}

type rollouts struct {
	t        *testing.T
	rand     *rand.Rand
	world    *world
	member   *member
	products []*product
	requests sync.WaitGroup
	log      []string
}

func newRollouts(t *testing.T, seed uint64) *rollouts {
	images := map[string]fake.Image{
		"good":  {StartDelay: 200 * time.Millisecond, Boot: time.Second, Body: "good"},
		"slow":  {StartDelay: time.Second, Boot: 8 * time.Second, TermDelay: 2 * time.Second, Body: "good"},
		"far":   {Remote: true, PullDelay: 15 * time.Minute, Boot: time.Second, Body: "good"},
		"exits": {Boot: 300 * time.Millisecond, Exits: true, ExitCode: 3, Body: "bad"},
		"deaf":  {NeverListens: true},
		"fails": {Status: http.StatusInternalServerError, Body: "bad"},
		"wrong": {StartError: "exec format error"},
	}
	r := &rollouts{t: t, rand: rand.New(rand.NewPCG(seed, 1)), world: newWorld(t, 1, images)}
	r.member = r.world.members[0]
	for i := range 4 {
		r.products = append(r.products, &product{
			name: fmt.Sprintf("c%d", i), image: "good",
			order:       []string{"startstop", "stopstart"}[r.rand.IntN(2)],
			parallelism: []string{"parallel", "series", "seriesfirst"}[r.rand.IntN(3)],
			max:         r.rand.IntN(4),
		})
	}
	return r
}

func (r *rollouts) note(format string, args ...any) {
	r.log = append(r.log, time.Now().Format("04:05.000 ")+fmt.Sprintf(format, args...))
}

func (r *rollouts) run(steps int) {
	defer r.world.close()
	defer func() {
		if r.t.Failed() {
			r.t.Logf("history:\n%s", strings.Join(r.log, "\n"))
		}
	}()
	r.member.join()
	r.declare()
	for _, p := range r.products {
		r.burst(p, 1)
	}
	r.requests.Wait()
	wait(time.Second) // until it is stored that the first version works: one that is unknown is not kept
	for range steps {
		r.step()
		synctest.Wait()
		r.check()
	}
	r.calm()
}

func (r *rollouts) step() {
	one := r.products[r.rand.IntN(len(r.products))]
	switch n := r.rand.IntN(20); {
	case n < 8:
		r.burst(one, 1+r.rand.IntN(5))
	case n < 12:
		pause := time.Duration(r.rand.IntN(40_000)) * time.Millisecond
		r.note("wait %v", pause)
		wait(pause)
	case n < 18:
		one.image = []string{"good", "good", "slow", "far", "exits", "deaf", "fails", "wrong", "missing"}[r.rand.IntN(9)]
		one.edition++
		one.min = min(r.rand.IntN(3), cmp.Or(one.max, 3))
		r.note("%s becomes edition %d of %s, min %d", one.name, one.edition, one.image, one.min)
		r.declare()
	default:
		r.requests.Wait()
		r.note("the daemon restarts")
		if n == 18 {
			r.member.leave()
		} else {
			r.member.crash()
		}
		r.member.join()
	}
}

func (r *rollouts) declare() {
	var b strings.Builder
	b.WriteString("name: sim\ncomponents:\n")
	for _, p := range r.products {
		fmt.Fprintf(&b, "  %s:\n    image: %s\n    maxinstances: %d\n    mininstances: %d\n    maxconcurrency: 1\n", p.name, p.image, p.max, p.min)
		fmt.Fprintf(&b, "    restartorder: %s\n    startparallelism: %s\n    environment: [EDITION=%d]\n", p.order, p.parallelism, p.edition)
		fmt.Fprintf(&b, "    httpstarthealthcheckseconds: 15\n    reservememory: 32\n    idletimeoutseconds: 30\n")
		fmt.Fprintf(&b, "    eventsources: {%s-http: {http: {hostname: %s.test}}}\n", p.name, p.name)
	}
	r.member.apply(b.String())
}

func (r *rollouts) burst(p *product, n int) {
	r.note("%d requests to %s", n, p.name)
	m := r.member
	for range n {
		r.requests.Go(func() {
			answer, err := m.request(p.name + ".test")
			if err != nil || answer.status != http.StatusOK || answer.body != "good" {
				r.t.Errorf("%s %s got %d %q %v, %v", time.Now().Format("04:05.000"), p.name, answer.status, answer.body, answer.header, err)
			}
		})
	}
}

func (r *rollouts) check() {
	snap := r.member.daemon.feed.Snapshot()
	for _, p := range r.products {
		rows, _ := snap.ByComponent.Get("sim_" + p.name)
		if p.max > 0 && len(rows) > p.max {
			r.t.Errorf("%s: %d placements, at most %d", p.name, len(rows), p.max)
		}
		row, _ := snap.Components.Get("sim_" + p.name)
		if row.Unproven() && row.Kept == nil {
			r.t.Errorf("%s: nothing is kept of what was proven", p.name)
		}
		if bad := !slices.Contains(working, p.image); bad && !row.Unproven() {
			r.t.Errorf("%s: %s is taken for proven", p.name, p.image)
		}
	}
}

// calm declares what works: it is proven, whether it is awake or not.
func (r *rollouts) calm() {
	r.requests.Wait()
	for _, p := range r.products {
		p.image, p.edition = "good", p.edition+1
	}
	r.declare()
	wait(15 * time.Minute)
	snap := r.member.daemon.feed.Snapshot()
	for _, p := range r.products {
		row, _ := snap.Components.Get("sim_" + p.name)
		rows, _ := snap.ByComponent.Get("sim_" + p.name)
		if row.Unproven() || row.Kept != nil || row.Failed != nil || len(rows) != p.min {
			r.t.Errorf("%s at rest: proven %d of %d, failed %+v, %d placements of %d", p.name, row.Proven, row.RestartVersion, row.Failed, len(rows), p.min)
		}
	}
}
