package journal

import (
	"context"
	"slices"

	"maelstrom/cluster"
)

// Feed is the snapshot as a Journal follows it.
type Feed interface {
	Snapshot() *cluster.Snapshot
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Roles tells who holds the role placement.
type Roles interface {
	Hold(role string) (cluster.Hold, bool)
	Holder(role string) string
}

// Journal follows the snapshot and records what happens.
type Journal struct {
	recorder *Recorder
	feed     Feed
	roles    Roles

	last  *cluster.Snapshot // that our instances were compared with
	base  *cluster.Snapshot // that the cluster was compared with
	known bool              // somebody has recorded that this node is here
}

// New returns a Journal of the node that recorder is of.
func New(recorder *Recorder, feed Feed, roles Roles) *Journal {
	return &Journal{recorder: recorder, feed: feed, roles: roles, last: cluster.NewSnapshot(), base: cluster.NewSnapshot()}
}

// Run records until ctx ends. It is woken by changes alone.
func (j *Journal) Run(ctx context.Context) error {
	changed, cancel := j.feed.Subscribe()
	defer cancel()
	for {
		j.look(j.feed.Snapshot())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// look records what has changed up to a snapshot.
func (j *Journal) look(s *cluster.Snapshot) {
	if !Tells(s) {
		return
	}
	node := j.recorder.opt.Node
	j.recorder.Add(Between(j.last, s, View{Node: node})...)
	j.last = s
	switch holder := j.holder(); {
	case holder == node:
		events := Between(j.base, s, View{Cluster: true})
		j.recorder.Add(j.arrival(s, events)...)
		j.recorder.Add(events...)
		j.base, j.known = s, true
	case holder != "":
		j.base, j.known = s, true // who holds the role records
	case !Tells(j.base):
		j.base = s // nobody holds it yet: kept for us, should we get it
	}
}

// arrival tells that this node has started, if it is the first to be there:
// its own row has been as it is since before there was anybody to record it.
func (j *Journal) arrival(s *cluster.Snapshot, events []cluster.Event) []cluster.Event {
	id := j.recorder.opt.Node
	own, ok := s.Nodes.Get(id)
	told := slices.ContainsFunc(events, func(e cluster.Event) bool { return e.Kind == cluster.EventNode && e.Node == id })
	if j.known || told || !ok {
		return nil
	}
	return []cluster.Event{nodeEvent(own, cluster.EventInfo, "has started")}
}

// Farewell records that this node stops, if no other is there to do so.
func (j *Journal) Farewell() {
	s := j.feed.Snapshot()
	for id, node := range s.Nodes.All() {
		if id != j.recorder.opt.Node && node.State != cluster.NodeDown {
			return
		}
	}
	if own, ok := s.Nodes.Get(j.recorder.opt.Node); ok && Tells(s) {
		j.recorder.Add(nodeEvent(own, cluster.EventInfo, "stops"))
	}
}

// holder is who records what concerns the cluster; empty: nobody, as far as
// is known.
func (j *Journal) holder() string {
	node := j.recorder.opt.Node
	if _, held := j.roles.Hold(cluster.RolePlacement); held {
		return node
	}
	if holder := j.roles.Holder(cluster.RolePlacement); holder != node {
		return holder
	}
	return ""
}
