package rpc

import (
	"context"
	"fmt"
	"strings"

	"maelstrom/cluster"
)

// commandNode is the other node that an order is to run on; empty: this one.
func (s *Server) commandNode(ctx context.Context, order CommandOrder) string {
	switch {
	case s.deps.Peers == nil:
		return ""
	case order.Exec:
		return s.instanceNode(order)
	}
	return s.roomyNode(ctx, order.Component)
}

// instanceNode is where the instance is that an order names, or one that is
// ready: rather here than elsewhere.
func (s *Server) instanceNode(order CommandOrder) string {
	snap := s.deps.Feed.Snapshot()
	best, node := 0, ""
	for _, p := range snap.Placed(order.Component) {
		i, ok := snap.Instances.Get(p.ID)
		if !ok || i.ContainerID == "" || !strings.HasPrefix(p.ID, order.Instance) {
			continue
		}
		rank := 1
		if i.Routable() {
			rank += 2
		}
		if p.Node == s.deps.Node {
			rank++
		}
		if rank > best {
			best, node = rank, p.Node
		}
	}
	if node == s.deps.Node {
		return ""
	}
	return node
}

// roomyNode is where a command finds what its component needs, if that is not
// here.
func (s *Server) roomyNode(ctx context.Context, component string) string {
	if len(s.live()) == 0 {
		return ""
	}
	answer, err := s.explain(ctx, ExplainRequest{Name: component})
	if err != nil {
		return ""
	}
	found := ""
	for _, n := range answer.Nodes {
		switch {
		case !takesCommands(n):
		case n.ID == s.deps.Node:
			return ""
		case found == "" && s.deps.Peers.Live(n.ID):
			found = n.ID
		}
	}
	return found
}

// takesCommands tells whether nothing is in the way of a command on a node:
// how many instances there may be does not count.
func takesCommands(n cluster.NodeExplanation) bool {
	for _, o := range n.Obstacles {
		if o.Change != "maxinstancespernode" {
			return false
		}
	}
	return true
}

// relayCommand has another node run an order, with the client's input and
// output.
func (s *Server) relayCommand(ctx context.Context, node string, order CommandOrder, streams CommandStreams) (CommandEnd, error) {
	order.Wake, order.TimeoutSeconds = false, 0 // both are this node's to see to
	if streams.Notice != nil && !order.Exec {
		streams.Notice("running on node " + s.nodeName(node))
	}
	end, err := s.node(node).Command(ctx, order, streams)
	if err != nil {
		return CommandEnd{}, fmt.Errorf("run on node %s: %s", s.nodeName(node), whyUnreachable(err))
	}
	return end, nil
}
