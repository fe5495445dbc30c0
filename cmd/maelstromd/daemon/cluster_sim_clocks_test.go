//go:build clocks

package daemon

import (
	"time"
	"unsafe" // for go:linkname
)

// byItsClock starts something on a node: it, and all that it starts, has the
// time of the node's clock. `make soak SCENARIO=clocks` builds a time.Now that
// looks at the labels of its goroutine, which are inherited, for how far its
// clock is ahead.
func (n *fleetNode) byItsClock(do func()) {
	setLabels(unsafe.Pointer(&n.ahead))
	defer setLabels(nil)
	do()
}

//go:linkname setLabels runtime/pprof.runtime_setProfLabel
func setLabels(unsafe.Pointer)

// setClocks sets the clocks of nodes, each with a chance of one in some, to at
// most an hour off.
func (c *chronicle) setClocks(chance int) {
	for _, n := range c.nodes {
		if c.rand.IntN(chance) == 0 {
			ahead := time.Duration(c.rand.Int64N(int64(2*time.Hour))) - time.Hour
			n.ahead.Store(int64(ahead))
			c.note("the clock of %s is set to %v ahead", n.id, ahead)
		}
	}
}
