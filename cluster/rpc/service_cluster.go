package rpc

import (
	"context"
	"encoding/pem"
	"net/http"
	"runtime"
	"slices"
	"strings"

	"maelstrom/cluster"
	"maelstrom/project/route"
)

func (s *Server) clusterService() []method {
	return []method{
		newMethod("ClusterService.Nodes", "Lists the nodes of the cluster.", s.nodes),
		newMethod("ClusterService.Removable", "Tells which nodes could be taken away without moving anything busy.", s.removable),
		newMethod("ClusterService.Instances", "Lists placements and what their nodes report of them.", s.instances),
		newMethod("ClusterService.Roles", "Lists the jobs that one node does at a time.", s.roles),
		newMethod("ClusterService.Drain", "Moves everything away from a node, and places nothing there.", s.drain, writes),
		newMethod("ClusterService.Undrain", "Lets a node run instances again.", s.undrain, writes),
		newMethod("ClusterService.RemoveNode", "Forgets a node that is down, with what was placed there.", s.removeNode, writes),
		newMethod("ClusterService.CA", "Returns the certificate of the authority that nodes and clients on other machines know nodes by.", s.ca),
	}
}

func (s *Server) nodes(ctx context.Context, _ NodesRequest) (NodeList, error) {
	return NodeList{Nodes: s.statusView(ctx).nodes()}, nil
}

// statusView is a view with every node's latest status: what a node writes
// each minute is not in the change log. While the database is away, what the
// snapshot has must do.
func (s *Server) statusView(ctx context.Context) view {
	v := s.view()
	nodes, err := fromDatabase(ctx, s, "the latest status of nodes is", s.deps.Store.Nodes)
	if err != nil {
		return v
	}
	latest := map[string]*cluster.Node{}
	for i := range nodes {
		latest[nodes[i].ID] = &nodes[i]
	}
	snap := *v.snap
	snap.Nodes = snap.Nodes.With(latest, nil)
	v.snap = &snap
	return v
}

func (s *Server) instances(ctx context.Context, req InstancesRequest) (InstanceList, error) {
	keep := func(p *cluster.Placement, project string) bool {
		return (req.Component == "" || strings.EqualFold(req.Component, p.Component)) &&
			(req.Project == "" || strings.EqualFold(req.Project, project)) &&
			(req.Node == "" || req.Node == p.Node)
	}
	v := s.statusView(ctx)
	v.loads = s.wholeLoads(ctx)
	return InstanceList{Instances: v.instances(keep), Nodes: v.nodes()}, nil
}

func (s *Server) roles(context.Context, RolesRequest) (RoleList, error) {
	list := append([]Role{}, s.deps.Roles()...)
	slices.SortFunc(list, func(a, b Role) int { return strings.Compare(a.Role, b.Role) })
	for i := range list {
		if list[i].Holder != "" {
			list[i].HolderName = s.nodeName(list[i].Holder)
		}
	}
	answer := RoleList{Roles: list}
	switch away := s.away(); {
	case away != nil && away.FromDisk:
		answer.Note = "leases are in the database alone, which this node has not read since it was started: nothing is known of holders"
	case away != nil:
		answer.Note = "leases are in the database alone: this is who held them when it was last read; who is cut off from it does nothing in a role"
	}
	return answer, nil
}

func (s *Server) ca(context.Context, CARequest) (CAAnswer, error) {
	text := s.deps.CA()
	block, _ := pem.Decode(text)
	if block == nil {
		return CAAnswer{}, errorf(KindNotFound, "this node has no authority: set MAEL_PEER_ADDR and MAEL_CLUSTER_KEY")
	}
	return CAAnswer{Certificate: string(text), Fingerprint: fingerprint(block.Bytes)}, nil
}

func (s *Server) routeService() []method {
	return []method{
		newMethod("RouteService.Resolve", "Tells which event source and component would get a request, and why.", s.resolve),
	}
}

func (s *Server) resolve(_ context.Context, req ResolveRequest) (route.Resolution, error) {
	switch req.Gateway {
	case "", route.Public, route.Private:
	default:
		return route.Resolution{}, errorf(KindInvalid, "gateway is public or private, not %q", req.Gateway)
	}
	headers := http.Header{}
	for _, h := range req.Headers {
		headers.Add(h.Name, h.Value)
	}
	snap := s.deps.Feed.Snapshot()
	return route.Resolve(snap.Routes, route.Request{
		Gateway: req.Gateway,
		Host:    req.Host,
		Target:  req.Target,
		Headers: headers, Disabled: snap.Disabled,
		Component: func(name string) bool {
			_, ok := snap.Components.Get(name)
			return ok
		},
	}), nil
}

func (s *Server) systemService() []method {
	return []method{
		newMethod("SystemService.Version", "Says what answers here.", s.version),
	}
}

func (s *Server) version(context.Context, VersionRequest) (VersionAnswer, error) {
	return VersionAnswer{
		Version:   s.deps.Version,
		Node:      s.deps.Node,
		ClusterID: s.deps.ClusterID(),
		GoVersion: runtime.Version(),
	}, nil
}
