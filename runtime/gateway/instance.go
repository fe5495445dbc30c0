package gateway

import (
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime/proxy"
)

// instance is one container that requests can be sent to. Its dispatcher's
// lock guards it.
type instance struct {
	placement   string
	node        string
	containerID string
	address     string
	link        *link // to its node; nil: that is this one
	conns       proxy.Conns

	readyAt  time.Time
	inFlight int
	passive  int     // of inFlight
	waiting  queue   // requests from other nodes, for this one alone
	credit   float64 // of turns, while it is new
	total    int64
	last     time.Time // end of the latest request
	success  time.Time // end of the latest one that it answered below 500
	suspect  time.Time // not dialled before: the last dial failed
	rest     rest      // what another node's has shown of its room
	outlier  outlier
	pace     pace
	seen     *cluster.Instance // as the snapshot has it
	away     *cluster.Instance // as it was when its node would not have a request for it
	idle     chan struct{}     // closed when nothing is in flight any more; nil: nobody asks
	round    int               // of the sync that saw it last
	orphan   bool              // its placement is gone: dropped when idle
}

// suspicion is how long an instance that could not be dialled gets no request,
// unless the snapshot shows another container first.
const suspicion = time.Second

func (i *instance) is(in *cluster.Instance) bool {
	return i.containerID == in.ContainerID && i.address == in.Address && i.node == in.Node
}

// free tells whether i can take one more request. A limit of zero is none.
func (i *instance) free(limit int, now time.Time) bool {
	return (limit == 0 || i.inFlight < limit) && (i.suspect.IsZero() || !now.Before(i.suspect)) && i.rest.allows(i.inFlight, now)
}

// open tells whether i is to be sent one more request: it is free, and not left
// out.
func (i *instance) open(limit int, now time.Time) bool {
	return i.outlier.allows(now) && i.free(limit, now)
}

// retreat is an instance that is being drained. It is routed to again only
// after the snapshot has shown it as not running and then as ready again, or
// as another container.
type retreat struct {
	left  bool
	round int
}

// newInstance opens the way to in. What the container speaks is what its
// component said when the instance was first seen: a later version of the
// component has instances of its own.
func (d *dispatcher) newInstance(in *cluster.Instance, spec *project.Component) *instance {
	protocol := proxy.HTTP1
	if spec.Protocol == "h2c" {
		protocol = proxy.H2C
	}
	i := &instance{placement: in.Placement, node: in.Node, containerID: in.ContainerID, address: in.Address}
	if in.Node == d.g.opt.Node {
		i.conns = d.g.engine.Open(in.Address, protocol)
		return i
	}
	i.link = d.g.links.to(in.Node)
	i.conns = i.link.peer.Open(proxy.Remote{
		Component: d.name, Placement: in.Placement, Address: in.Address, Protocol: protocol,
	})
	return i
}

// begins takes in since when i is ready. What it has done before that counts for
// nothing.
func (i *instance) begins(readyAt time.Time) {
	if !i.readyAt.Equal(readyAt) {
		i.readyAt, i.outlier = readyAt, outlier{}
	}
}
