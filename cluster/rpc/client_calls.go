package rpc

import (
	"context"
	"time"

	"maelstrom/project/route"
)

// The calls, one for each method of our services. An error is an *Error, or
// that of the context.

// ValidateProject checks a project, against the other projects too.
func (c *Client) ValidateProject(ctx context.Context, req ValidateRequest) (answer ValidateAnswer, err error) {
	err = c.call(ctx, "ProjectService.Validate", req, &answer)
	return answer, err
}

// DiffProject tells what an apply would do.
func (c *Client) DiffProject(ctx context.Context, req DiffRequest) (answer DiffAnswer, err error) {
	err = c.call(ctx, "ProjectService.Diff", req, &answer)
	return answer, err
}

// ApplyProject makes the stored project equal to its files.
func (c *Client) ApplyProject(ctx context.Context, req ApplyRequest) (answer ApplyAnswer, err error) {
	err = c.call(ctx, "ProjectService.Apply", req, &answer)
	return answer, err
}

// GetProject shows one project.
func (c *Client) GetProject(ctx context.Context, req GetProjectRequest) (answer ProjectDetail, err error) {
	err = c.call(ctx, "ProjectService.Get", req, &answer)
	return answer, err
}

// ListProjects lists projects.
func (c *Client) ListProjects(ctx context.Context, req ListProjectsRequest) (answer ProjectList, err error) {
	err = c.call(ctx, "ProjectService.List", req, &answer)
	return answer, err
}

// RemoveProject removes a project with everything in it.
func (c *Client) RemoveProject(ctx context.Context, req RemoveProjectRequest) (answer ApplyAnswer, err error) {
	err = c.call(ctx, "ProjectService.Remove", req, &answer)
	return answer, err
}

// ListComponents lists components and how they do.
func (c *Client) ListComponents(ctx context.Context, req ListComponentsRequest) (answer ComponentList, err error) {
	err = c.call(ctx, "ComponentService.List", req, &answer)
	return answer, err
}

// ComponentStatus shows one component, its roll-out and its instances.
func (c *Client) ComponentStatus(ctx context.Context, name string) (answer ComponentStatus, err error) {
	err = c.call(ctx, "ComponentService.Status", ComponentStatusRequest{Name: name}, &answer)
	return answer, err
}

// Explain tells where a component runs and can run, and why.
func (c *Client) Explain(ctx context.Context, name string) (answer ExplainAnswer, err error) {
	err = c.call(ctx, "ComponentService.Explain", ExplainRequest{Name: name}, &answer)
	return answer, err
}

// Drain moves everything away from a node.
func (c *Client) Drain(ctx context.Context, req DrainRequest) (answer NodeAnswer, err error) {
	err = c.call(ctx, "ClusterService.Drain", req, &answer)
	return answer, err
}

// Undrain lets a node run instances again.
func (c *Client) Undrain(ctx context.Context, node string) (answer NodeAnswer, err error) {
	err = c.call(ctx, "ClusterService.Undrain", UndrainRequest{Node: node}, &answer)
	return answer, err
}

// Removable tells which nodes could be taken away without moving anything busy.
func (c *Client) Removable(ctx context.Context) (answer RemovableAnswer, err error) {
	err = c.call(ctx, "ClusterService.Removable", RemovableRequest{}, &answer)
	return answer, err
}

// RemoveNode forgets a node that is down.
func (c *Client) RemoveNode(ctx context.Context, node string) (answer RemoveNodeAnswer, err error) {
	err = c.call(ctx, "ClusterService.RemoveNode", RemoveNodeRequest{Node: node}, &answer)
	return answer, err
}

// Restart replaces every instance of components.
func (c *Client) Restart(ctx context.Context, req RestartRequest) (answer RestartAnswer, err error) {
	err = c.call(ctx, "ComponentService.Restart", req, &answer)
	return answer, err
}

// Wake starts an instance of a component that has none.
func (c *Client) Wake(ctx context.Context, req WakeRequest) (answer ComponentAnswer, err error) {
	ctx, cancel := bounded(ctx, callTimeout+time.Duration(req.WaitSeconds*float64(time.Second)))
	defer cancel()
	err = c.call(ctx, "ComponentService.Wake", req, &answer)
	return answer, err
}

// Sleep stops every instance of a component until the next request.
func (c *Client) Sleep(ctx context.Context, req SleepRequest) (answer ComponentAnswer, err error) {
	err = c.call(ctx, "ComponentService.Sleep", req, &answer)
	return answer, err
}

// ListEventSources lists event sources.
func (c *Client) ListEventSources(ctx context.Context, req ListEventSourcesRequest) (answer EventSourceList, err error) {
	err = c.call(ctx, "EventSourceService.List", req, &answer)
	return answer, err
}

// EnableEventSources lets event sources send work.
func (c *Client) EnableEventSources(ctx context.Context, req SwitchRequest) (answer SwitchAnswer, err error) {
	err = c.call(ctx, "EventSourceService.Enable", req, &answer)
	return answer, err
}

// DisableEventSources keeps event sources from sending work.
func (c *Client) DisableEventSources(ctx context.Context, req SwitchRequest) (answer SwitchAnswer, err error) {
	err = c.call(ctx, "EventSourceService.Disable", req, &answer)
	return answer, err
}

// Nodes lists the nodes of the cluster.
func (c *Client) Nodes(ctx context.Context) (answer NodeList, err error) {
	err = c.call(ctx, "ClusterService.Nodes", NodesRequest{}, &answer)
	return answer, err
}

// Instances lists placements and what their nodes report of them.
func (c *Client) Instances(ctx context.Context, req InstancesRequest) (answer InstanceList, err error) {
	err = c.call(ctx, "ClusterService.Instances", req, &answer)
	return answer, err
}

// Roles lists the jobs that one node does at a time.
func (c *Client) Roles(ctx context.Context) (answer RoleList, err error) {
	err = c.call(ctx, "ClusterService.Roles", RolesRequest{}, &answer)
	return answer, err
}

// CA returns the authority by which the nodes of the cluster are known.
func (c *Client) CA(ctx context.Context) (answer CAAnswer, err error) {
	err = c.call(ctx, "ClusterService.CA", CARequest{}, &answer)
	return answer, err
}

// ResolveRoute tells which component would get a request, and why.
func (c *Client) ResolveRoute(ctx context.Context, req ResolveRequest) (answer route.Resolution, err error) {
	err = c.call(ctx, "RouteService.Resolve", req, &answer)
	return answer, err
}

// Backup writes a consistent copy of the embedded database.
func (c *Client) Backup(ctx context.Context, req BackupRequest) (answer BackupAnswer, err error) {
	ctx, cancel := bounded(ctx, longTimeout)
	defer cancel()
	err = c.call(ctx, "AdminService.Backup", req, &answer)
	return answer, err
}

// NewToken makes an API token.
func (c *Client) NewToken(ctx context.Context, name string) (answer TokenNewAnswer, err error) {
	err = c.call(ctx, "AdminService.TokenNew", TokenNewRequest{Name: name}, &answer)
	return answer, err
}

// Tokens lists the API tokens without their secrets.
func (c *Client) Tokens(ctx context.Context) (answer TokenList, err error) {
	err = c.call(ctx, "AdminService.TokenList", TokenListRequest{}, &answer)
	return answer, err
}

// RemoveToken makes an API token count no longer.
func (c *Client) RemoveToken(ctx context.Context, name string) (answer TokenRemoveAnswer, err error) {
	err = c.call(ctx, "AdminService.TokenRemove", TokenRemoveRequest{Name: name}, &answer)
	return answer, err
}

// Rekey seals the cluster's authority under another cluster key.
func (c *Client) Rekey(ctx context.Context, req RekeyRequest) (answer RekeyAnswer, err error) {
	err = c.call(ctx, "AdminService.Rekey", req, &answer)
	return answer, err
}

// Version asks what answers.
func (c *Client) Version(ctx context.Context) (answer VersionAnswer, err error) {
	err = c.call(ctx, "SystemService.Version", VersionRequest{}, &answer)
	return answer, err
}
