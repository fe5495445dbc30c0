package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"maelstrom/cluster"
)

func (s *Server) drain(ctx context.Context, req DrainRequest) (NodeAnswer, error) {
	n, err := s.findNode(req.Node)
	if err != nil {
		return NodeAnswer{}, err
	}
	how := cluster.DrainMove
	if req.Force {
		how = cluster.DrainForce
	} else if !s.othersRun(n.ID) {
		e := errorf(KindConflict, "%s is the only node that runs anything: to drain it is to stop everything, and requests are refused until it is undrained. Use --force for that", n.DisplayName())
		e.Reason = cluster.ReasonNoCapacity
		return NodeAnswer{}, e
	}
	return s.setDrain(ctx, n.ID, how)
}

func (s *Server) undrain(ctx context.Context, req UndrainRequest) (NodeAnswer, error) {
	n, err := s.findNode(req.Node)
	if err != nil {
		return NodeAnswer{}, err
	}
	return s.setDrain(ctx, n.ID, cluster.DrainNone)
}

func (s *Server) setDrain(ctx context.Context, id string, how cluster.Drain) (NodeAnswer, error) {
	number, err := s.deps.Nodes.DrainNode(ctx, id, how)
	if err != nil {
		return NodeAnswer{}, fromStore(err)
	}
	s.deps.Feed.Hint()
	s.seen(ctx, number)
	v := s.statusView(ctx)
	answer := NodeAnswer{Instances: v.instances(func(p *cluster.Placement, _ string) bool { return p.Node == id })}
	for _, n := range v.nodes() {
		if n.ID == id {
			answer.Node = n
		}
	}
	return answer, nil
}

// othersRun tells whether another node than this one can run instances.
func (s *Server) othersRun(id string) bool {
	for other, n := range s.deps.Feed.Snapshot().Nodes.All() {
		if other != id && n.State == cluster.NodeUp && n.MemoryTotalMiB > 0 {
			return true
		}
	}
	return false
}

func (s *Server) removeNode(ctx context.Context, req RemoveNodeRequest) (RemoveNodeAnswer, error) {
	n, err := s.findNode(req.Node)
	if err != nil {
		return RemoveNodeAnswer{}, err
	}
	placements, number, err := s.deps.Nodes.RemoveNode(ctx, n.ID)
	if errors.Is(err, cluster.ErrConflict) {
		return RemoveNodeAnswer{}, errorf(KindConflict, "%s: drain it and stop its daemon first, or wait until it is known to be down", err)
	}
	if err != nil {
		return RemoveNodeAnswer{}, fromStore(err)
	}
	s.deps.Feed.Hint()
	s.seen(ctx, number)
	return RemoveNodeAnswer{ID: n.ID, Name: n.DisplayName(), Placements: placements}, nil
}

// findNode finds a node by its id, or by a name that no other node has.
func (s *Server) findNode(text string) (*cluster.Node, error) {
	nodes := s.deps.Feed.Snapshot().Nodes
	if n, ok := nodes.Get(text); ok {
		return n, nil
	}
	var found []*cluster.Node
	var all []string
	for id, n := range nodes.Sorted() {
		if text != "" && strings.EqualFold(n.Name, text) {
			found = append(found, n)
		}
		all = append(all, fmt.Sprintf("%s (%s)", id, n.Name))
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, errorf(KindInvalid, "%d nodes are called %s: name one by its id, of %s", len(found), text, strings.Join(all, ", "))
	}
	return nil, errorf(KindNotFound, "there is no node %q: there are %s", text, strings.Join(all, ", "))
}

// changesFor lists what is in the way of an instance that fits nowhere.
func changesFor(e cluster.Explanation) []PlacementChange {
	list := []PlacementChange{}
	for _, n := range e.Nodes {
		if n.Fits || len(n.MakesRoom) > 0 {
			return []PlacementChange{}
		}
		for _, o := range n.Obstacles {
			i := slices.IndexFunc(list, func(c PlacementChange) bool { return c.Change == o.Change })
			switch {
			case o.Change == "" || o.Passing:
			case i < 0:
				list = append(list, PlacementChange{Change: o.Change, Nodes: []string{n.Name}})
			default:
				list[i].Nodes = append(list[i].Nodes, n.Name)
			}
		}
	}
	return list
}
