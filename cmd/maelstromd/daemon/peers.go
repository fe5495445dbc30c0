package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/peer"
	"maelstrom/cluster/placer"
	"maelstrom/runtime"
	"maelstrom/runtime/gateway"
)

const (
	// lostAfter is how long a node's status is not written either, when it is
	// marked lost.
	lostAfter = 10 * time.Second

	lostCheck = time.Second

	// lostPatience is how long the role placement is held before a node is marked
	// lost: whom the holder before has heard, and that one itself, wrote their
	// status once a minute, and now may have to show that they live.
	lostPatience = aliveEvery + 2*engineCheck

	// holderWithin is how long an operator's call waits for somebody who holds
	// the role placement; what waits by itself tries again by itself.
	holderWithin = 5 * time.Second
	holderPause  = 100 * time.Millisecond
)

// buildPeers makes what talks to other nodes, if this one shall.
func (d *Daemon) buildPeers() {
	if d.opt.PeerAddr == "" || d.embedded() {
		return
	}
	d.hub = peer.New(peer.Options{
		Node: d.node, Version: d.opt.Version, Epoch: func() int64 { return d.identity.Load().Epoch }, Logger: d.part("peers"),
	}, peer.Deps{
		Feed: d.feed, Loads: sights{d.gateway, d}, Decider: ownDecisions{d}, Dial: d.dialPeer,
		Holder:   func() string { return d.keeper.Holder(cluster.RolePlacement) },
		Answered: d.answered,
		NodeOf:   func(r *http.Request) (string, bool) { return d.authority.Load().NodeOf(r.TLS) },
	})
	d.nodes = d.forNodes(d.hub.Handler())
}

// answered is when the database last did, to whoever asks it all the time; zero:
// not yet. While this node starts the keeper of roles does not.
func (d *Daemon) answered() time.Time {
	at := d.keeper.Answered()
	if err, _ := d.feed.Health(); err == nil && d.feed.ReadAt().After(at) {
		return d.feed.ReadAt()
	}
	return at
}

// otherNodes is where requests are forwarded to, nil if there are no others.
func (d *Daemon) otherNodes() gateway.Peers {
	if d.opt.PeerAddr == "" || d.embedded() {
		return nil
	}
	return others{d}
}

// others are the nodes that the hub hears, which is made after the gateway.
type others struct{ *Daemon }

// Live implements gateway.Peers.
func (o others) Live(node string) bool { return o.hub.Live(node) }

// Dial implements gateway.Peers.
func (o others) Dial(ctx context.Context, node, protocol string) (net.Conn, error) {
	return o.hub.Dial(ctx, node, protocol)
}

// loads is the load that placement is decided by: the cluster's, or this node's
// where there is no other.
func (d *Daemon) loads() placer.Loads {
	if d.hub != nil {
		return d.hub
	}
	return sights{d.gateway, d}
}

// agentFeed is the feed of the Agent, whose reports go to other nodes too.
func (d *Daemon) agentFeed() runtime.Feed {
	if d.hub != nil {
		return toldFeed{d.feed, d.hub}
	}
	return d.feed
}

type toldFeed struct {
	*cluster.Feed
	hub *peer.Hub
}

// PushInstances implements runtime.Feed.
func (f toldFeed) PushInstances(l cluster.InstanceList) { f.hub.PushInstances(l) }

// dialPeer connects to the peer port of a node, and to nobody else there.
func (d *Daemon) dialPeer(ctx context.Context, node cluster.Node, protocol string) (net.Conn, error) {
	authority := d.authority.Load()
	if authority == nil {
		return nil, errors.New("dial node: the authority of the cluster is not known yet")
	}
	conn, err := d.sur.DialPeer(ctx, "tcp", node.Address)
	if err != nil {
		return nil, fmt.Errorf("dial node: %w", err)
	}
	config := authority.ClientConfig(node.ID)
	config.NextProtos = []string{protocol}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("dial node: %w", err), conn.Close())
	}
	return secured, nil
}

// ownDecisions are what this node decides as the holder of the role placement.
type ownDecisions struct{ *Daemon }

// WakeFor implements peer.Decider.
func (o ownDecisions) WakeFor(ctx context.Context, node, component string) error {
	return caughtUp(ctx, o.feed, o.store, func() error { return o.placer.WakeFor(ctx, node, component) })
}

// Sleep implements peer.Decider.
func (o ownDecisions) Sleep(ctx context.Context, component string) error {
	return caughtUp(ctx, o.feed, o.store, func() error { return o.placer.Sleep(ctx, component) })
}

// Reserve implements peer.Decider.
func (o ownDecisions) Reserve(ctx context.Context, run cluster.Run) error {
	return o.placer.Reserve(ctx, run)
}

// decisions ask whoever holds the role placement; one who can't be asked is as
// good as none: ErrNotHolder.
type decisions struct{ *Daemon }

// Wake implements gateway.Waker.
func (d decisions) Wake(ctx context.Context, component string) error {
	holder, other := d.holder()
	if !other {
		return d.placer.Wake(ctx, component)
	}
	return asHolder(d.hub.Wake(ctx, holder, component))
}

// Sleep is Wake for a component that is to be put to sleep.
func (d decisions) Sleep(ctx context.Context, component string) error {
	holder, other := d.holder()
	if !other {
		return d.placer.Sleep(ctx, component)
	}
	return asHolder(d.hub.Sleep(ctx, holder, component))
}

// Reserve implements runtime.Reserver.
func (d decisions) Reserve(ctx context.Context, run cluster.Run) error {
	holder, other := d.holder()
	if !other {
		return d.placer.Reserve(ctx, run)
	}
	return asHolder(d.hub.Reserve(ctx, holder, run))
}

// holder is who holds the role placement, if that is another node.
func (d decisions) holder() (node string, other bool) {
	if d.hub == nil {
		return "", false
	}
	node = d.hub.Standing().Holder
	return node, node != "" && node != d.node
}

func asHolder(err error) error {
	if errors.Is(err, peer.ErrNoStream) {
		return fmt.Errorf("%w: %w", cluster.ErrNotHolder, err)
	}
	return err
}

// operatorDecisions are those that operators ask for. They wait a moment while
// the role is on its way from one node to another.
type operatorDecisions struct{ decisions }

// Wake implements rpc.Placer.
func (o operatorDecisions) Wake(ctx context.Context, component string) error {
	return o.patiently(ctx, func() error { return o.decisions.Wake(ctx, component) })
}

// Sleep implements rpc.Placer.
func (o operatorDecisions) Sleep(ctx context.Context, component string) error {
	return o.patiently(ctx, func() error { return o.decisions.Sleep(ctx, component) })
}

// Refusals implements rpc.Placer.
func (o operatorDecisions) Refusals() map[string]*cluster.Failure { return o.placer.Refusals() }

func (o operatorDecisions) patiently(ctx context.Context, ask func() error) error {
	for began := time.Now(); ; {
		err := ask()
		if o.hub == nil || !errors.Is(err, cluster.ErrNotHolder) || time.Since(began) >= holderWithin {
			return err
		}
		if !sleep(ctx, holderPause/2+rand.N(holderPause)) {
			return err
		}
	}
}

// watchNodes marks nodes lost that nobody hears, while this node holds the role
// placement.
func (d *Daemon) watchNodes(ctx context.Context) error {
	if d.embedded() {
		return nil
	}
	var outdated time.Time // when those were last looked at
	var held cluster.Hold
	var taken time.Time // when held was first seen
	for sleep(ctx, lostCheck) {
		hold, holds := d.keeper.Hold(cluster.RolePlacement)
		if !holds {
			continue
		}
		if hold != held {
			held, taken = hold, time.Now()
		}
		if time.Since(taken) >= lostPatience {
			d.markLost(ctx, hold)
		}
		if time.Since(outdated) >= outdatedCheck {
			outdated = time.Now()
			d.markOutdated(ctx, hold)
			d.endLostRuns(ctx, hold)
			d.endLostFirings(ctx, hold)
		}
	}
	return ctx.Err()
}

func (d *Daemon) markLost(ctx context.Context, hold cluster.Hold) {
	for id, node := range d.feed.Snapshot().Nodes.All() {
		if d.hub != nil && id != d.node && node.Peers && !node.Lost && d.hub.Lost(id) {
			d.markOne(ctx, hold, node, lostAfter)
		}
	}
}

func (d *Daemon) markOne(ctx context.Context, hold cluster.Hold, node *cluster.Node, silence time.Duration) {
	limited, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	marked, err := d.store.MarkLost(limited, hold, node.ID, node.Epoch, silence)
	switch {
	case err != nil && ctx.Err() == nil:
		d.log.Debug("lost node is not marked", "node", node.ID, "error", err)
	case marked:
		d.log.Warn("node is lost: what it ran is placed again", "node", node.ID, "name", node.Name)
		d.feed.Hint()
	}
}

// lost tells whether this node's row says that it is lost.
func (d *Daemon) lost() bool {
	row, ok := d.feed.Snapshot().Nodes.Get(d.node)
	return ok && row.Lost && row.Epoch == d.identity.Load().Epoch
}

// disowned tells whether this node has reason to look whether it was removed from
// the cluster, or another daemon has started as this node.
func (d *Daemon) disowned() bool {
	snap := d.feed.Snapshot()
	row, known := snap.Nodes.Get(d.node)
	other := known && row.Epoch > d.identity.Load().Epoch
	return other || !known && !snap.Restored || d.hub != nil && d.hub.Standing().Expelled
}

// cutOff tells whether this node is rightly taken for lost: who would place on
// it does not hear it.
func (d *Daemon) cutOff() bool {
	if d.hub == nil || !d.lost() {
		return false
	}
	return !d.hub.Live(d.keeper.Holder(cluster.RolePlacement))
}
