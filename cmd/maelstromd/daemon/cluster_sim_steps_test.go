package daemon

import (
	"fmt"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store/storesim"
)

// step does something to the cluster.
func (c *chronicle) step() {
	n, r := c.nodes[c.rand.IntN(len(c.nodes))], c.cast[c.rand.IntN(len(c.cast))]
	switch k := c.rand.IntN(43); {
	case k < 14:
		c.burst(n, r, 1+c.rand.IntN(12))
	case k == 40:
		c.blackOut()
	case k == 41:
		c.isolate(n)
	case k == 42:
		c.takeAway(r)
	case k < 17:
		c.pass(rand0(c.rand, 10*time.Second))
	case k < 21:
		r.edition, r.min, r.image = r.edition+c.rand.IntN(2), c.rand.IntN(r.mins), r.images[c.rand.IntN(len(r.images))]
		c.note("%s becomes edition %d of %s, min %d", r.name, r.edition, r.image, r.min)
		c.declare()
	case k < 23:
		c.drainOrNot(n)
	case k < 26:
		c.stopNode(n, k == 23)
	case k < 28:
		c.freeze(n)
	case k < 31:
		c.cutOff(n, c.nodes[c.rand.IntN(len(c.nodes))])
	case k < 35:
		c.hurtDatabase(n)
	case k < 38:
		c.hurtEngine(n)
	default:
		c.hurtNetwork()
	}
}

// burst sends requests to a node and goes on; each must get one outcome.
func (c *chronicle) burst(n *fleetNode, r *role, count int) {
	if n.down {
		return
	}
	c.note("%d requests to %s at %s", count, r.name, n.id)
	for range count {
		takes := time.Duration(c.rand.IntN(300)) * time.Millisecond
		c.calls.Go(func() { c.ask(n, r, takes) })
	}
}

// stopNode ends a node's daemon, in order or not, and starts it later.
func (c *chronicle) stopNode(n *fleetNode, inOrder bool) {
	if n.down {
		return
	}
	n.marred.Add(1)
	if inOrder {
		c.note("%s is stopped", n.id)
		n.end()
	} else {
		c.note("%s is killed", n.id)
		n.kill()
	}
	if c.rand.IntN(4) == 0 {
		c.note("its machine too")
		n.engine.KillAll()
	}
	c.later(20*time.Second, n.id+" starts", func() {
		if n.down {
			n.begin()
		}
	})
}

// blackOut takes the database away and restarts all nodes without it.
func (c *chronicle) blackOut() {
	c.note("the database is away for all, which restart")
	for _, n := range c.nodes {
		if !n.down {
			n.marred.Add(1)
			n.kill()
		}
		n.frozen = false
		c.server.Set(n.id, storesim.Way{Refused: true})
		n.begin()
	}
	c.fabric.heal()
	c.later(20*time.Second, "the database is back for all", func() {
		for _, n := range c.nodes {
			if !n.frozen {
				c.server.Set(n.id, storesim.Way{})
			}
		}
	})
}

// isolate keeps a node from the database and from all others but one, which
// may tell it that there is a database.
func (c *chronicle) isolate(n *fleetNode) {
	friend := c.nodes[c.rand.IntN(len(c.nodes))]
	if n.frozen || friend == n {
		return
	}
	c.note("%s reaches %s alone, and no database", n.id, friend.id)
	c.server.Set(n.id, storesim.Way{Refused: true})
	n.touched.Add(1)
	var ways []way
	for _, other := range c.nodes {
		if other != friend {
			ways = append(ways, way{n.host, other.host}, way{other.host, n.host})
		}
	}
	c.fabric.change(func() {
		for _, w := range ways {
			c.fabric.cut[w] = true
		}
	})
	c.later(25*time.Second, n.id+" reaches all and the database", func() {
		if n.frozen {
			return
		}
		n.touched.Add(1)
		c.server.Set(n.id, storesim.Way{})
		c.fabric.change(func() {
			for _, w := range ways {
				delete(c.fabric.cut, w)
			}
		})
	})
}

// takeAway has a component be declared no more, or again.
func (c *chronicle) takeAway(r *role) {
	if !r.goes {
		return
	}
	r.gone = !r.gone
	c.note("%s is declared: %v", r.name, !r.gone)
	c.declare()
}

// freeze keeps a node from everybody, for a time in which its own time runs: a
// machine whose network hangs. A process that is stopped with its clock, as by
// SIGSTOP, is more than that: it does not know that time has passed.
func (c *chronicle) freeze(n *fleetNode) {
	if n.down || n.frozen {
		return
	}
	c.note("%s is frozen", n.id)
	n.frozen = true
	n.touched.Add(1)
	c.server.Set(n.id, storesim.Way{Stalled: true})
	c.fabric.change(func() {
		for _, other := range c.nodes {
			c.fabric.cut[way{n.host, other.host}], c.fabric.cut[way{other.host, n.host}] = true, true
		}
	})
	c.later(15*time.Second, n.id+" goes on", func() {
		n.frozen = false
		n.touched.Add(1)
		c.server.Set(n.id, storesim.Way{})
		c.fabric.change(func() {
			for _, other := range c.nodes {
				if !other.frozen {
					delete(c.fabric.cut, way{n.host, other.host})
					delete(c.fabric.cut, way{other.host, n.host})
				}
			}
		})
	})
}

// cutOff has nothing get through between two nodes, one way or both.
func (c *chronicle) cutOff(a, b *fleetNode) {
	if a == b {
		return
	}
	ways := []way{{a.host, b.host}}
	if c.rand.IntN(2) == 0 {
		ways = append(ways, way{b.host, a.host})
	}
	c.note("nothing gets through from %s to %s, %d ways", a.id, b.id, len(ways))
	a.touched.Add(1)
	b.touched.Add(1)
	c.fabric.change(func() {
		for _, w := range ways {
			c.fabric.cut[w] = true
		}
	})
	c.later(20*time.Second, fmt.Sprintf("%s reaches %s", a.id, b.id), func() {
		a.touched.Add(1)
		b.touched.Add(1)
		c.fabric.change(func() {
			for _, w := range ways {
				if !a.frozen && !b.frozen {
					delete(c.fabric.cut, w)
				}
			}
		})
	})
}

// hurtDatabase hurts the way of a node to the database, or of all.
func (c *chronicle) hurtDatabase(n *fleetNode) {
	nodes := []*fleetNode{n}
	if c.rand.IntN(3) == 0 {
		nodes = c.nodes
	}
	what, hurt := "", storesim.Way{}
	switch c.rand.IntN(5) {
	case 0:
		what, hurt = "refuses", storesim.Way{Refused: true}
	case 1:
		what, hurt = "hangs for", storesim.Way{Stalled: true}
	case 2:
		hurt.Delay = rand0(c.rand, 300*time.Millisecond)
		what = fmt.Sprintf("takes %v more for", hurt.Delay)
	case 3:
		arrived := c.rand.IntN(2) == 0
		c.note("the next commit of %s is in doubt; arrived: %v", n.id, arrived)
		c.server.Doubt(n.id, arrived)
		return
	default:
		c.note("connections of %s to the database break", n.id)
		c.server.Break(n.id)
		return
	}
	for _, one := range nodes {
		if one.frozen {
			continue
		}
		c.note("the database %s %s", what, one.id)
		c.server.Set(one.id, hurt)
	}
	c.later(15*time.Second, "the database is well", func() {
		for _, one := range nodes {
			if !one.frozen {
				c.server.Set(one.id, storesim.Way{})
			}
		}
	})
}

// hurtEngine has an engine fail, hang or lose its containers.
func (c *chronicle) hurtEngine(n *fleetNode) {
	switch c.rand.IntN(4) {
	case 0:
		c.note("engine of %s is down", n.id)
		n.engine.Down("out for a walk")
	case 1:
		c.note("engine of %s hangs", n.id)
		n.engine.Slow(time.Minute)
	case 2:
		slow := rand0(c.rand, 2*time.Second)
		c.note("engine of %s takes %v more", n.id, slow)
		n.engine.Slow(slow)
	case 3:
		c.note("containers of %s are killed", n.id)
		n.marred.Add(1)
		n.engine.KillAll()
		return
	}
	c.later(15*time.Second, "engine of "+n.id+" is well", func() {
		n.engine.Slow(0)
		n.engine.Up()
	})
}

// hurtNetwork has what is sent between nodes be late, by one connection later
// than by another. It stays quick enough for a node that has lost a connection to
// be heard again before it counts as silent.
func (c *chronicle) hurtNetwork() {
	slow, uneven := rand0(c.rand, 60*time.Millisecond), rand0(c.rand, 100*time.Millisecond)
	c.note("the network takes %v, and up to %v more by new connections", slow, uneven)
	c.fabric.change(func() {
		c.fabric.uneven = uneven
		for _, a := range c.nodes {
			for _, b := range c.nodes {
				c.fabric.delay[way{a.host, b.host}] = slow
			}
		}
	})
	if c.rand.IntN(2) == 0 {
		n := c.nodes[c.rand.IntN(len(c.nodes))]
		c.note("connections of %s break", n.id)
		n.touched.Add(1)
		c.fabric.reset(n.host, "")
	}
	c.later(15*time.Second, "the network is quick", func() {
		c.fabric.change(func() {
			clear(c.fabric.delay)
			c.fabric.uneven = 0
		})
	})
}

// drainOrNot has a node drained, or its drain taken back, at any node.
func (c *chronicle) drainOrNot(n *fleetNode) {
	nodes := c.up()
	if len(nodes) == 0 {
		return
	}
	at := nodes[c.rand.IntN(len(nodes))]
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	var err error
	if c.rand.IntN(2) == 0 {
		_, err = at.client().Drain(ctx, rpc.DrainRequest{Node: n.id, Force: c.rand.IntN(2) == 0})
		c.note("drain of %s at %s: %v", n.id, at.id, err)
	} else {
		_, err = at.client().Undrain(ctx, n.id)
		c.note("undrain of %s at %s: %v", n.id, at.id, err)
	}
}

func (c *chronicle) undrainAll() {
	for _, n := range c.nodes {
		ctx, cancel := within(10 * time.Second)
		if _, err := n.client().Undrain(ctx, n.id); err != nil {
			c.fail("%s can't be undrained: %v", n.id, err)
		}
		cancel()
	}
}
