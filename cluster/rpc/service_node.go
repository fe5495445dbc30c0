package rpc

import (
	"context"

	"maelstrom/cluster"
)

func (s *Server) nodeService() []method {
	return []method{
		newMethod("NodeService.ListNodeStatus", "Lists the nodes with what runs on them.", s.origListNodeStatus, lenient),
		newMethod("NodeService.GetStatus", "Shows the node that answers.", s.origGetStatus, lenient),
	}
}

func (s *Server) origListNodeStatus(ctx context.Context, _ origListNodeStatusInput) (origListNodeStatusOutput, error) {
	v := s.statusView(ctx)
	out := origListNodeStatusOutput{RespondingNodeID: s.deps.Node, Nodes: []origNodeStatus{}}
	for _, n := range v.snap.Nodes.Sorted() {
		if n.State != cluster.NodeDown {
			out.Nodes = append(out.Nodes, v.origNode(n, s.deps.Node))
		}
	}
	return out, nil
}

func (s *Server) origGetStatus(ctx context.Context, _ origEmpty) (origGetStatusOutput, error) {
	v := s.statusView(ctx)
	n, ok := v.snap.Nodes.Get(s.deps.Node)
	if !ok {
		return origGetStatusOutput{}, errorf(KindUnavailable, "this node has not joined yet")
	}
	return origGetStatusOutput{Status: v.origNode(n, s.deps.Node)}, nil
}

func (v view) origNode(n *cluster.Node, self string) origNodeStatus {
	out := origNodeStatus{
		NodeID:            n.ID,
		StartedAt:         millis(n.StartedAt),
		ObservedAt:        millis(n.SeenAt),
		Version:           n.Epoch,
		PeerURL:           "http://" + n.Address,
		TotalMemoryMiB:    n.MemoryTotalMiB,
		FreeMemoryMiB:     max(0, n.MemoryTotalMiB-v.reserved(n.ID)),
		NumCPUs:           n.CPUCount,
		LoadAvg1m:         n.Load1m,
		LoadAvg5m:         n.Load5m,
		LoadAvg15m:        n.Load15m,
		RunningComponents: []origRunningComponent{},
	}
	if n.ID == self { // it is here, and answers
		out.ObservedAt = v.now.UnixMilli()
	}
	for _, component := range v.occupied() {
		for _, p := range v.placements(component) {
			if i, ok := v.snap.Instances.Get(p.ID); ok && p.Node == n.ID {
				out.RunningComponents = append(out.RunningComponents, v.origRunning(p, i))
			}
		}
	}
	return out
}

func (v view) origRunning(p *cluster.Placement, i *cluster.Instance) origRunningComponent {
	load := v.loads[p.ID]
	out := origRunningComponent{
		ComponentName:     p.Component,
		ComponentVersion:  p.PlacedVersion,
		Status:            origStatus(i.State),
		MemoryReservedMiB: p.MemoryMiB,
		StartTime:         millis(i.StartedAt),
		LastRequestTime:   millis(load.LastRequest),
		TotalRequests:     load.Total,
		Activity:          []origActivity{{Requests: load.Total, Concurrency: float64(load.InFlight)}},
	}
	if row, ok := v.snap.Components.Get(p.Component); ok {
		out.MaxConcurrency = row.Effective.MaxConcurrency
	}
	return out
}

func origStatus(state cluster.InstanceState) string {
	switch state {
	case cluster.InstanceReady:
		return "active"
	case cluster.InstanceDraining, cluster.InstanceStopping:
		return "stopping"
	}
	return "starting"
}
