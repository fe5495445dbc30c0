package main

import (
	"context"
	"fmt"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// awaitRollOut waits until an applied revision is in effect.
func (a *app) awaitRollOut(ctx context.Context, applied rpc.ApplyAnswer, timeout time.Duration) error {
	client := a.client()
	what := applied.Project + " is applied, but not in effect"
	return a.await(ctx, waiting{timeout: timeout, what: what}, func(ctx context.Context) (string, error) {
		return rollOut(ctx, client, applied)
	})
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
			return fmt.Sprintf("%s slot %d still runs version %d%s", i.Component, i.Slot, i.Version, because(i))
		case i.Want == cluster.WantRun && i.State != string(cluster.InstanceReady):
			return fmt.Sprintf("%s slot %d is %s", i.Component, i.Slot, stateText(i))
		}
	}
	return ""
}

// because is why an instance is not what it should be, where that is known.
func because(i rpc.Instance) string {
	if i.Message == "" {
		return ""
	}
	return ": " + i.Message
}
