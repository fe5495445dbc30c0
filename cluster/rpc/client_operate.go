package rpc

import (
	"context"
	"time"
)

// doctorTimeout bounds a look at everything: some checks wait for what does
// not answer.
const doctorTimeout = 5 * time.Minute

// Migrate moves a single node to a database server, or tells what that would
// do. It takes as long as the copy does.
func (c *Client) Migrate(ctx context.Context, req MigrateRequest) (answer MigrateAnswer, err error) {
	ctx, cancel := bounded(ctx, longTimeout)
	defer cancel()
	err = c.call(ctx, "AdminService.Migrate", req, &answer)
	return answer, err
}

// MigrateStatus tells how far a move is.
func (c *Client) MigrateStatus(ctx context.Context) (answer MigrateStatus, err error) {
	err = c.call(ctx, "AdminService.MigrateStatus", MigrateStatusRequest{}, &answer)
	return answer, err
}

// CancelMigrate makes a node that is about to move stay where it is.
func (c *Client) CancelMigrate(ctx context.Context) (answer MigrateCancelAnswer, err error) {
	err = c.call(ctx, "AdminService.MigrateCancel", MigrateCancelRequest{}, &answer)
	return answer, err
}

// Doctor asks the daemon to look at itself and its surroundings.
func (c *Client) Doctor(ctx context.Context) (answer DoctorAnswer, err error) {
	ctx, cancel := bounded(ctx, doctorTimeout)
	defer cancel()
	err = c.call(ctx, "AdminService.Doctor", DoctorRequest{}, &answer)
	return answer, err
}
