//go:build !clocks

package daemon

// byItsClock starts something on a node. A bubble has one clock: that of the
// database may differ from it, those of nodes from each other don't.
func (*fleetNode) byItsClock(do func()) { do() }

// setClocks sets the clocks of nodes, each with a chance of one in some. There
// are none to set.
func (*chronicle) setClocks(int) {}
