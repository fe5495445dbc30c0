package rpc

import (
	"cmp"
	"slices"
	"time"

	"maelstrom/cluster"
)

// nodes lists every node, sorted by name and id.
func (v view) nodes() []Node {
	list := []Node{}
	for _, n := range v.snap.Nodes.Sorted() {
		list = append(list, Node{
			ID:                n.ID,
			Name:              n.Name,
			Address:           n.Address,
			State:             n.State,
			Version:           n.Version,
			StartedAt:         n.StartedAt,
			SeenAt:            n.SeenAt,
			CPUCount:          n.CPUCount,
			Load1m:            n.Load1m,
			MemoryTotalMiB:    n.MemoryTotalMiB,
			MemoryReservedMiB: v.reserved(n.ID),
			Roles:             v.rolesOf(n.ID),
			Engine:            n.Engine,
			Labels:            labelsOf(n),
			Drain:             n.Drain,
			Lost:              n.Lost,
			Silent:            !v.snap.Hears(n.ID),
			Instances:         v.countOn(n.ID),
		})
	}
	slices.SortStableFunc(list, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func (v view) countOn(node string) int {
	placements, _ := v.snap.ByNode.Get(node)
	return len(placements)
}

// nodeName is what people call a node; its id, if it is not known.
func (v view) nodeName(id string) string {
	if n, ok := v.snap.Nodes.Get(id); ok {
		return n.DisplayName()
	}
	return id
}

func labelsOf(n *cluster.Node) map[string]string {
	if n.Labels == nil {
		return map[string]string{}
	}
	return n.Labels
}

// reserved is the sum of a node's placement rows: there is no other counter.
func (v view) reserved(node string) (mib int64) {
	placements, _ := v.snap.ByNode.Get(node)
	for _, p := range placements {
		mib += p.MemoryMiB
	}
	return mib
}

func (v view) rolesOf(node string) []string {
	held := []string{}
	for _, role := range v.roles {
		if role.Holder == node {
			held = append(held, role.Role)
		}
	}
	slices.Sort(held)
	return held
}

// instances lists the placements that keep selects, sorted by component and slot.
func (v view) instances(keep func(*cluster.Placement, string) bool) []Instance {
	list := []Instance{}
	for _, component := range v.occupied() {
		project := v.projectOf(component)
		for _, p := range v.placements(component) {
			if keep(p, project) {
				list = append(list, v.instance(p, project))
			}
		}
	}
	return list
}

// projectOf is the project of a component; empty once it is removed.
func (v view) projectOf(component string) string {
	if row, ok := v.snap.Components.Get(component); ok {
		return row.Effective.Project
	}
	return ""
}

func (v view) instance(p *cluster.Placement, project string) Instance {
	in := Instance{
		Placement:         p.ID,
		Component:         p.Component,
		Project:           project,
		Version:           p.PlacedVersion,
		Slot:              p.Slot,
		Node:              p.Node,
		NodeName:          v.nodeName(p.Node),
		State:             InstancePlaced,
		Since:             timeOrNil(p.CreatedAt),
		Want:              p.Want,
		MemoryReservedMiB: p.MemoryMiB,
	}
	if i, ok := v.snap.Instances.Get(p.ID); ok {
		in.State = string(i.State)
		in.Reason, in.Message = i.Reason, i.Message
		in.ContainerID, in.Image, in.Address = i.ContainerID, i.Image, i.Address
		in.ImageID, in.ImageDigest, in.ImageNow, in.PullPercent = i.ImageID, i.ImageDigest, i.ImageNow, i.PullPercent
		in.StartedAt, in.BackoffUntil = timeOrNil(i.StartedAt), timeOrNil(i.BackoffUntil)
		in.Restarts, in.Holds, in.Provisional = i.Restarts, i.Holds, i.Provisional
		in.Suspect, in.FailedChecks = i.Suspect, i.FailedChecks
		in.LastFailure, in.LastFailureDetail, in.LastFailureAt = i.LastFailure, i.LastFailureDetail, timeOrNil(i.LastFailureAt)
		in.Since = timeOrNil(since(i))
	}
	if load, ok := v.loads[p.ID]; ok {
		in.InFlight, in.Queued, in.RequestsTotal = load.InFlight, load.Queued, load.Total
		in.MemoryUsedMiB = load.MemoryMiB
		in.LastRequestAt = timeOrNil(load.LastRequest)
	}
	return in
}

// since is when an instance came into its state; zero: that is not kept.
func since(i *cluster.Instance) time.Time {
	switch i.State {
	case cluster.InstancePulling, cluster.InstanceStarting:
		return i.LaunchedAt
	case cluster.InstanceReady:
		return i.ReadyAt
	case cluster.InstanceBackoff:
		return i.LastFailureAt
	}
	return time.Time{}
}
