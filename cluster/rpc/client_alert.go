package rpc

import "context"

// ListAlerts lists what somebody should look at.
func (c *Client) ListAlerts(ctx context.Context, req ListAlertsRequest) (answer AlertList, err error) {
	err = c.call(ctx, "AlertService.List", req, &answer)
	return answer, err
}
