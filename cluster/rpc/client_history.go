package rpc

import "context"

// History tells what was done to a project.
func (c *Client) History(ctx context.Context, req HistoryRequest) (answer HistoryAnswer, err error) {
	err = c.call(ctx, "ProjectService.History", req, &answer)
	return answer, err
}

// Revision shows a project as it was.
func (c *Client) Revision(ctx context.Context, req RevisionRequest) (answer RevisionAnswer, err error) {
	err = c.call(ctx, "ProjectService.Revision", req, &answer)
	return answer, err
}

// Rollback makes a project what it was at an earlier revision. Registries may
// be asked for its images first, which can take a while.
func (c *Client) Rollback(ctx context.Context, req RollbackRequest) (answer RollbackAnswer, err error) {
	ctx, cancel := bounded(ctx, longTimeout)
	defer cancel()
	err = c.call(ctx, "ProjectService.Rollback", req, &answer)
	return answer, err
}

// Export writes stored projects as files.
func (c *Client) Export(ctx context.Context, req ExportRequest) (answer ExportAnswer, err error) {
	err = c.call(ctx, "ProjectService.Export", req, &answer)
	return answer, err
}

// ExportClaims tells which project owns what since when.
func (c *Client) ExportClaims(ctx context.Context) (answer ClaimList, err error) {
	err = c.call(ctx, "AdminService.ExportClaims", ExportClaimsRequest{}, &answer)
	return answer, err
}

// RestoreClaims gives claims their times back.
func (c *Client) RestoreClaims(ctx context.Context, req RestoreClaimsRequest) (answer RestoreClaimsAnswer, err error) {
	err = c.call(ctx, "AdminService.RestoreClaims", req, &answer)
	return answer, err
}
