package runtime_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/fake"
)

// Whatever happens in whatever order, once it is over containers equal
// placements: each that wants to run has one ready container, no other exists.
func TestContainersEqualPlacementsAfterChaos(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			image := fake.Image{
				StartDelay: 300 * time.Millisecond, Boot: 20 * time.Millisecond, TermDelay: 100 * time.Millisecond,
			}
			bubble(t, image, func(w *world) {
				c := chaos{world: w, rand: rand.New(rand.NewPCG(seed, 0)), wants: map[string]cluster.Want{}}
				w.start()
				for range 60 {
					c.step()
					w.pass(time.Duration(c.rand.IntN(2000)) * time.Millisecond)
				}
				c.calm()
				w.pass(3 * time.Minute)
				c.check()
			})
		})
	}
}

type chaos struct {
	*world
	rand  *rand.Rand
	wants map[string]cluster.Want // by placement that has a row
}

func (c *chaos) step() {
	id := fmt.Sprintf("p%d", c.rand.IntN(4))
	_, placed := c.wants[id]
	switch n := c.rand.IntN(12); {
	case !placed:
		c.place(id)
		c.wants[id] = cluster.WantRun
	case n < 4:
		c.flip(id)
	case n < 5:
		c.feed.remove(id)
		delete(c.wants, id)
	case n < 7:
		c.engine.Kill(id)
	case n < 8:
		c.engine.Down("chaos")
	case n < 9:
		c.engine.Up()
	case n < 10:
		c.ledger.fail(errAway)
	case n < 11:
		c.ledger.fail(nil)
	default:
		c.halt()
		c.start()
	}
}

// flip changes what a placement wants as its holder would: back to run only
// before the point of no return.
func (c *chaos) flip(id string) {
	to := cluster.WantStop
	if c.wants[id] == cluster.WantStop {
		to = cluster.WantRun
		for _, i := range c.agent.Instances() {
			if i.Placement == id && i.State == cluster.InstanceStopping {
				return
			}
		}
	}
	c.want(id, to)
	c.wants[id] = to
}

func (c *chaos) calm() {
	c.ledger.fail(nil)
	c.engine.Up()
}

func (c *chaos) check() {
	c.t.Helper()
	for n := range 4 {
		id := fmt.Sprintf("p%d", n)
		if c.wants[id] != cluster.WantRun {
			c.expectGone(id)
			continue
		}
		i := c.expect(id, ready, cluster.ReasonNone)
		if held, ok := c.container(id); !ok || held.ID != i.ContainerID || held.Address != i.Address {
			c.t.Errorf("%s reports %+v, its container is %+v", id, i, held)
		}
		if row, _ := c.ledger.row(id); row != i {
			c.t.Errorf("%s reports %+v, stored is %+v", id, i, row)
		}
	}
	if stored := len(c.ledger.rows); stored != len(c.agent.Instances()) {
		c.t.Errorf("%d rows stored, %d instances reported", stored, len(c.agent.Instances()))
	}
}
