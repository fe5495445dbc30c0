package daemon

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/fake"
)

var (
	simSeeds = flag.Int("sim.seeds", 10, "how many histories the simulation runs")
	simFirst = flag.Uint64("sim.first", 1, "the first seed")
	simSteps = flag.Int("sim.steps", 60, "steps of each history")
)

// Random histories of requests, changes and faults. What is promised holds
// after every step, and once the faults end, what runs is what should.
func TestPromisesHoldInRandomHistories(t *testing.T) {
	for seed := *simFirst; seed < *simFirst+uint64(*simSeeds); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newHistory(t, seed).run(*simSteps) })
		})
	}
}

// shape is a component of a history. Its limits never change; the rest may.
type shape struct {
	name         string
	max, perSlot int
	min          int
	edition      int
}

type history struct {
	t      *testing.T
	rand   *rand.Rand
	world  *world
	member *member
	shapes []*shape
	down   bool
	fences map[string]int64
	log    []string

	requests sync.WaitGroup
	mu       sync.Mutex
	answers  map[int]int
}

func newHistory(t *testing.T, seed uint64) *history {
	images := map[string]fake.Image{
		"quick":   {StartDelay: 200 * time.Millisecond, Handler: okHandler},
		"slow":    {StartDelay: time.Second, Boot: 10 * time.Second, TermDelay: 3 * time.Second, Handler: okHandler},
		"crashes": {Boot: time.Second, Exits: true, ExitAfter: 20 * time.Second, ExitCode: 1, Handler: okHandler},
		"exits":   {Exits: true, ExitCode: 3},
	}
	h := &history{
		t: t, rand: rand.New(rand.NewPCG(seed, 0)), world: newWorld(t, 1, images),
		fences: map[string]int64{}, answers: map[int]int{},
		shapes: []*shape{{name: "quick", max: 2, perSlot: 2}, {name: "slow", max: 3, perSlot: 1}, {name: "crashes", max: 1, perSlot: 5}, {name: "exits", max: 1, perSlot: 1}},
	}
	h.member = h.world.members[0]
	return h
}

func (h *history) run(steps int) {
	defer h.world.close()
	defer func() {
		if h.t.Failed() {
			h.t.Logf("history:\n%s", strings.Join(h.log, "\n"))
		}
	}()
	h.member.join()
	h.declare()
	for range steps {
		h.step()
		synctest.Wait()
		h.check()
	}
	h.calm()
}

func (h *history) note(format string, args ...any) {
	h.log = append(h.log, time.Now().Format("04:05.000 ")+fmt.Sprintf(format, args...))
}

func (h *history) step() {
	one := h.shapes[h.rand.IntN(len(h.shapes))]
	switch n := h.rand.IntN(20); {
	case n < 8:
		h.burst(one, 1+h.rand.IntN(6))
	case n < 13:
		pause := time.Duration(h.rand.IntN(40_000)) * time.Millisecond
		h.note("wait %v", pause)
		wait(pause)
	case n < 15:
		one.edition, one.min = one.edition+h.rand.IntN(2), h.rand.IntN(2)
		h.note("%s becomes edition %d, min %d", one.name, one.edition, one.min)
		h.declare()
	case n == 15:
		h.note("containers are killed")
		h.world.engine.KillAll()
	case n == 16 && !h.down:
		h.note("engine goes down")
		h.down = true
		h.world.engine.Down("out for a walk")
	case n == 16:
		h.note("engine comes back")
		h.down = false
		h.world.engine.Up()
	case n == 17:
		h.note("daemon restarts")
		h.member.leave()
		h.member.join()
	case n == 18:
		h.note("daemon is killed")
		h.member.crash()
		h.member.join()
	}
}

// declare applies all shapes as they are now.
func (h *history) declare() {
	var b strings.Builder
	b.WriteString("name: sim\ncomponents:\n")
	for _, s := range h.shapes {
		fmt.Fprintf(&b, "  %s:\n    image: %s\n    maxinstances: %d\n    mininstances: %d\n    maxconcurrency: %d\n", s.name, s.name, s.max, s.min, s.perSlot)
		fmt.Fprintf(&b, "    environment: [EDITION=%d]\n    idletimeoutseconds: 30\n    maxdurationseconds: 60\n", s.edition)
		fmt.Fprintf(&b, "    eventsources: {%s-http: {http: {hostname: %s.test}}}\n", s.name, s.name)
	}
	h.member.apply(b.String())
}

// burst sends requests and goes on; each must get one outcome.
func (h *history) burst(s *shape, n int) {
	h.note("%d requests to %s", n, s.name)
	m := h.member
	for range n {
		h.requests.Go(func() {
			began := time.Now()
			answer, err := m.request(s.name + ".test")
			took := time.Since(began)
			h.mu.Lock()
			defer h.mu.Unlock()
			if err != nil {
				h.answers[0]++ // cut off by a daemon that was killed
				return
			}
			h.answers[answer.status]++
			if took > 90*time.Second {
				h.t.Errorf("a request to %s took %v", s.name, took)
			}
			if answer.status != http.StatusOK && answer.header.Get("Maelstrom-Reason") == "" {
				h.t.Errorf("%d without a reason from %s", answer.status, s.name)
			}
		})
	}
}

// check holds what is promised at any moment.
func (h *history) check() {
	snap := h.member.daemon.feed.Snapshot()
	memory := int64(0)
	for id, placement := range snap.Placements.All() {
		memory += placement.MemoryMiB
		if _, ok := snap.Components.Get(placement.Component); !ok {
			h.t.Errorf("placement %s of a component that is not there", id)
		}
	}
	if memory > h.member.opt.TotalMemoryMiB {
		h.t.Errorf("%d MiB are reserved of %d", memory, h.member.opt.TotalMemoryMiB)
	}
	for _, s := range h.shapes {
		rows, _ := snap.ByComponent.Get("sim_" + s.name)
		slots := map[int]bool{}
		for _, row := range rows {
			slots[row.Slot] = true
		}
		if len(rows) > s.max || len(slots) != len(rows) {
			h.t.Errorf("%s: %d placements in %d slots, at most %d", s.name, len(rows), len(slots), s.max)
		}
		if peak := h.world.engine.Peak("sim_" + s.name); peak > s.max {
			h.t.Errorf("%s: %d containers at once, at most %d", s.name, peak, s.max)
		}
	}
	for _, role := range h.member.daemon.keeper.Roles() {
		if role.Fence < h.fences[role.Role] {
			h.t.Errorf("fence of %s went back from %d to %d", role.Role, h.fences[role.Role], role.Fence)
		}
		h.fences[role.Role] = role.Fence
	}
}

// calm ends all faults; then everything comes to rest where it should.
func (h *history) calm() {
	h.world.engine.Up()
	h.requests.Wait()
	h.note("calm: answers %v", h.answers)
	wait(10 * time.Minute)
	snap := h.member.daemon.feed.Snapshot()
	for _, s := range h.shapes {
		rows, _ := snap.ByComponent.Get("sim_" + s.name)
		want := s.min
		if row, _ := snap.Components.Get("sim_" + s.name); row.Failed != nil && row.Kept != nil {
			want = row.Kept.Effective.MinInstances // what was killed while it proved itself
		}
		if len(rows) != want {
			h.t.Errorf("%s: %d placements at rest, want %d", s.name, len(rows), want)
		}
		for _, row := range rows {
			instance, ok := snap.Instances.Get(row.ID)
			if s.name == "quick" && (!ok || instance.State != cluster.InstanceReady || row.Want != cluster.WantRun) {
				h.t.Errorf("%s: at rest %+v is %+v", s.name, row, instance)
			}
		}
	}
	containers, err := h.member.daemon.driver.List(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, c := range containers {
		if _, ok := snap.Placements.Get(c.Placement); !ok {
			h.t.Errorf("container %s of %s has no placement", c.ID, c.Component)
		}
	}
}
