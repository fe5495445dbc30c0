package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// rollOutPoll is how often a waiting apply looks.
const rollOutPoll = 250 * time.Millisecond

// awaitRollOut waits until an applied revision is in effect.
func (a *app) awaitRollOut(ctx context.Context, applied rpc.ApplyAnswer, timeout time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(rollOutPoll)
	defer ticker.Stop()
	client := a.client()
	for {
		missing, err := rollOut(limited, client, applied)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && missing == "":
			return nil
		case err != nil && limited.Err() == nil && !transient(err):
			return a.serverError(err)
		case err != nil:
			missing = err.Error()
		}
		select {
		case <-ticker.C:
		case <-limited.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return exitWith(exitTimeout, fmt.Errorf("%s is applied, but not in effect after %s: %s", applied.Project, timeout, missing))
		}
	}
}

// transient tells whether a daemon that does not answer may do so again.
func transient(err error) bool {
	var known *rpc.Error
	return errors.As(err, &known) && (known.Kind == rpc.KindUnavailable || known.Kind == rpc.KindTimeout)
}

// rollOut tells what an applied revision still lacks to be in effect; empty:
// nothing.
func rollOut(ctx context.Context, client *rpc.Client, applied rpc.ApplyAnswer) (missing string, err error) {
	detail, err := client.GetProject(ctx, rpc.GetProjectRequest{Name: applied.Project, Revisions: 1})
	if err != nil {
		return "", err
	}
	switch p := detail.Project; {
	case p.Revision < applied.Revision || !p.Synced:
		return "not every node works by it", nil
	case !p.Healthy:
		return p.Message, nil
	}
	instances, err := client.Instances(ctx, rpc.InstancesRequest{Project: applied.Project})
	if err != nil {
		return "", err
	}
	return behind(detail.Components, instances.Instances), nil
}

// behind names an instance that is not what its component is by now.
func behind(components []rpc.Component, instances []rpc.Instance) string {
	versions := map[string]int64{}
	for _, c := range components {
		versions[c.Name] = c.Version
	}
	for _, i := range instances {
		switch {
		case i.Version != versions[i.Component]:
			return fmt.Sprintf("%s slot %d still runs version %d", i.Component, i.Slot, i.Version)
		case i.Want == cluster.WantRun && i.State != string(cluster.InstanceReady):
			return fmt.Sprintf("%s slot %d is %s", i.Component, i.Slot, i.State)
		}
	}
	return ""
}
