package rpc

import "context"

// SyncProject asks for a look at a source at once.
func (c *Client) SyncProject(ctx context.Context, req SyncProjectRequest) (answer SyncAnswer, err error) {
	err = c.call(ctx, "ProjectService.Sync", req, &answer)
	return answer, err
}

// SuspendProject makes the loop leave a project or a source alone.
func (c *Client) SuspendProject(ctx context.Context, req SuspendRequest) (answer ControlAnswer, err error) {
	err = c.call(ctx, "ProjectService.Suspend", req, &answer)
	return answer, err
}

// ResumeProject lets the loop go on.
func (c *Client) ResumeProject(ctx context.Context, req ResumeRequest) (answer ControlAnswer, err error) {
	err = c.call(ctx, "ProjectService.Resume", req, &answer)
	return answer, err
}

// ProjectStatus tells how projects stand to their source.
func (c *Client) ProjectStatus(ctx context.Context, target Target) (answer StatusAnswer, err error) {
	err = c.call(ctx, "ProjectService.Status", StatusRequest{Target: target}, &answer)
	return answer, err
}

// ApprovePrune lets the removals go that a source's brake holds.
func (c *Client) ApprovePrune(ctx context.Context, req ApprovePruneRequest) (answer ApprovePruneAnswer, err error) {
	err = c.call(ctx, "ProjectService.ApprovePrune", req, &answer)
	return answer, err
}
