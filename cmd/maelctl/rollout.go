package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/project"
)

// rollOut follows an applied revision until it is in effect.
type rollOut struct {
	applied rpc.ApplyAnswer
	changed []string // components that the apply has added or changed
	newest  int64    // the latest revision that is still ours; 0: not known yet

	// unfit tells whether something that the apply has changed was not in
	// effect at the last look. It may be, before the first.
	unfit bool
}

// What a wait for a roll-out ends with before its time is over.
var (
	errFailed    = errors.New("failed")
	errPreempted = errors.New("pre-empted")
)

// endedError is one of these, with its own words and exit code.
type endedError struct {
	how  error
	text string
}

func (e *endedError) Error() string { return e.text }
func (e *endedError) Unwrap() error { return e.how }

func newRollOut(applied rpc.ApplyAnswer) *rollOut {
	r := &rollOut{applied: applied, unfit: true}
	for _, list := range [][]project.ObjectChange{applied.Components.Added, applied.Components.Updated} {
		for _, object := range list {
			r.changed = append(r.changed, object.Name)
		}
	}
	if !applied.Empty() && !applied.Replayed {
		r.newest = applied.Revision
	}
	return r
}

// await waits until an applied revision is in effect, and shows each step.
func (r *rollOut) await(ctx context.Context, a *app, steps *progress, timeout time.Duration) error {
	client := a.client()
	what := r.applied.Project + " is applied, but not in effect"
	return a.await(ctx, waiting{timeout: timeout, what: what}, func(ctx context.Context) (string, error) {
		detail, err := client.GetProject(ctx, rpc.GetProjectRequest{Name: r.applied.Project, Revisions: 1})
		if err != nil {
			return "", err
		}
		instances, err := client.Instances(ctx, rpc.InstancesRequest{Project: r.applied.Project})
		if err != nil {
			return "", err
		}
		if detail.Project.Revision >= r.applied.Revision {
			steps.show(detail.Components, instances.Instances)
		}
		return r.missing(detail, instances.Instances)
	})
}

// missing tells what an applied revision still lacks to be in effect; empty:
// nothing. It is an error if it will never be.
func (r *rollOut) missing(detail rpc.ProjectDetail, instances []rpc.Instance) (string, error) {
	p := detail.Project
	if p.Revision < r.applied.Revision {
		return "not every node works by it", nil
	}
	r.newest = cmp.Or(r.newest, p.Revision)
	if p.Revision > r.newest {
		return "", exitWith(exitConflict, &endedError{errPreempted, r.preempted(detail)})
	}
	r.unfit = slices.ContainsFunc(detail.Components, func(c rpc.Component) bool {
		return slices.Contains(r.changed, c.Name) && !fit(c, instances)
	})
	pending, failed := "", ""
	for _, c := range detail.Components {
		switch text, over := r.lacks(c, instances); {
		case over && slices.Contains(r.changed, c.Name):
			return "", &endedError{errFailed, text}
		case over:
			failed = cmp.Or(failed, text)
		default:
			pending = cmp.Or(pending, text)
		}
	}
	switch {
	case !p.Synced:
		return "not every node works by it", nil
	case pending != "":
		return pending, nil
	case failed != "":
		return "", &endedError{errFailed, failed}
	case !p.Healthy:
		return p.Message, nil
	}
	return behind(detail.Components, instances), nil
}

// lacks tells what keeps the declared version of a component from being rolled
// out, and whether it will for good.
func (r *rollOut) lacks(c rpc.Component, instances []rpc.Instance) (text string, over bool) {
	o := c.Rollout
	text = because(c.Name, o.Reason, o.Message)
	switch o.State {
	case rpc.RolloutFailed:
		return text, o.RetryAt == nil || o.Reason == cluster.ReasonImageMissing
	case rpc.RolloutProving:
		return text, o.Kept == 0 && slices.ContainsFunc(instances, func(i rpc.Instance) bool {
			return i.Component == c.Name && hopeless(i)
		})
	case rpc.RolloutWaiting, rpc.RolloutRolling:
		return text, false
	}
	return "", false
}

// hopeless tells whether the first version of a component has failed by itself
// so often that nobody waits for it: there is none before it to go back to, so
// its node goes on to try.
func hopeless(i rpc.Instance) bool {
	const tries = 3
	own := []cluster.Reason{cluster.ReasonExited, cluster.ReasonNeverListened, cluster.ReasonUnhealthy, cluster.ReasonImageMissing}
	return i.State == string(cluster.InstanceBackoff) && i.Restarts >= tries && slices.Contains(own, i.Reason)
}

// fit tells whether the declared version of a component is in effect, and
// nothing of it fails.
func fit(c rpc.Component, instances []rpc.Instance) bool {
	done := c.Rollout.State == rpc.RolloutDone || c.Rollout.State == rpc.RolloutUnproven
	return done && c.State != rpc.ComponentFailed && c.InstancesReady >= c.MinInstances && behind([]rpc.Component{c}, slices.DeleteFunc(slices.Clone(instances), func(i rpc.Instance) bool {
		return i.Component != c.Name
	})) == ""
}

// preempted says who has made which revision out of ours.
func (r *rollOut) preempted(detail rpc.ProjectDetail) string {
	text := fmt.Sprintf("revision %d of %s is not waited for any more: revision %d", r.newest, r.applied.Project, detail.Project.Revision)
	if len(detail.Revisions) == 0 {
		return text + " has taken its place"
	}
	last := detail.Revisions[0]
	who := "by " + orDash(last.Actor)
	if last.Source != "" {
		who = "of source " + last.Source
	}
	if last.SourceRevision != "" {
		who += " at " + shortRevision(last.SourceRevision)
	}
	text = fmt.Sprintf("%s %s (%s) has taken its place", text, who, last.Kind)
	if last.Reason != "" {
		text += ": " + last.Reason
	}
	return text
}

// behind names an instance that is not what its component is by now.
func behind(components []rpc.Component, instances []rpc.Instance) string {
	known := map[string]rpc.Component{}
	for _, c := range components {
		known[c.Name] = c
	}
	for _, i := range instances {
		switch {
		case !declares(known[i.Component], i):
			text := fmt.Sprintf("%s slot %d still runs version %d", i.Component, i.Slot, i.Version)
			if i.Message != "" {
				text += ": " + i.Message
			}
			return text
		case i.Want == cluster.WantRun && i.State != string(cluster.InstanceReady):
			return fmt.Sprintf("%s slot %d is %s", i.Component, i.Slot, stateText(i))
		}
	}
	return ""
}

// declares tells whether an instance is of its component's declared version:
// what changed since it was placed takes effect without a restart.
func declares(c rpc.Component, i rpc.Instance) bool {
	return cmp.Or(c.Rollout.RestartVersion, c.Version) <= i.Version && i.Version <= c.Version
}

// because is what is to say of something, with the word for it.
func because(name string, reason cluster.Reason, message string) string {
	if reason == cluster.ReasonNone {
		return name + ": " + message
	}
	return fmt.Sprintf("%s: %s: %s", name, reason, message)
}
