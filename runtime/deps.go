package runtime

import (
	"context"
	"net/netip"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/logring"
)

// Feed is where the Agent learns what should run, and tells what does.
type Feed interface {
	Snapshot() *cluster.Snapshot
	Subscribe() (changed <-chan struct{}, cancel func())
	PushInstances(cluster.InstanceList)
}

// Ledger is the database as the Agent needs it.
type Ledger interface {
	// WriteInstances changes this node's rows. ErrSuperseded ends the Agent.
	WriteInstances(ctx context.Context, node string, epoch int64, put []cluster.Instance, remove []string) error

	// MarkStopping is the point of no return before a container is stopped.
	// False: the placement moved on from that version, so it must not be.
	MarkStopping(ctx context.Context, instance cluster.Instance, placementVersion int64) (bool, error)

	// InstanceLists returns the stored rows, those of earlier epochs included.
	InstanceLists(ctx context.Context) ([]cluster.InstanceList, error)
}

// Drainer sees to what is in flight to a draining instance.
type Drainer interface {
	// Drain returns when nothing is in flight, or when ctx ends.
	Drain(ctx context.Context, placement string) error

	// EndStreamsOf ends what does not end by itself (WebSockets, event
	// streams), each in the words of its protocol and not all at once. It
	// returns when they are gone, or when ctx ends; an error if anything is
	// still in flight.
	EndStreamsOf(ctx context.Context, placement string) error
}

// Activity tells when a request of an instance last succeeded; zero: never.
type Activity interface {
	LastSuccess(placement string) time.Time
}

// ListenerSource is a Driver that can tell where a container listens. It
// makes the message about one that never listened on httpport exact.
type ListenerSource interface {
	Listeners(ctx context.Context, id string) ([]Listener, error)
}

// Listener is an address at which a program takes connections, or datagrams.
type Listener struct {
	Address netip.AddrPort
	UDP     bool
}

// ImageInspector is a Driver that can tell what an image was made for. It makes
// messages about containers that can't be reached, or don't run, exact.
type ImageInspector interface {
	ImageDetails(ctx context.Context, id string) (ImageDetails, error)
}

// ImageDetails is what an image says of itself.
type ImageDetails struct {
	Exposed      []string // ports, as in "8080/tcp", sorted
	OS           string   // linux
	Architecture string   // amd64
}

// Deps are what the Agent works with. Drainer and Activity may be nil.
type Deps struct {
	Feed     Feed
	Ledger   Ledger
	Images   Images
	Drainer  Drainer
	Activity Activity
	Rings    *logring.Store // where output is kept; nil: nowhere

	// VolumesMade returns once everyone knows that this node has the named
	// volumes, or ctx ends; nil: nobody has to.
	VolumesMade func(ctx context.Context, names []string)
}
