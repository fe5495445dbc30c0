package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/project"
)

func TestInstancesThatAreBehind(t *testing.T) {
	components := []rpc.Component{{Name: "shop_web", Version: 2}}
	instance := func(version int64, state cluster.InstanceState, want cluster.Want) rpc.Instance {
		return rpc.Instance{Component: "shop_web", Version: version, State: string(state), Want: want}
	}
	for name, test := range map[string]struct {
		instances []rpc.Instance
		want      string
	}{
		"asleep":            {nil, ""},
		"new and ready":     {[]rpc.Instance{instance(2, cluster.InstanceReady, cluster.WantRun)}, ""},
		"no restart":        {[]rpc.Instance{instance(2, cluster.InstanceReady, cluster.WantRun)}, ""},
		"old beside new":    {[]rpc.Instance{instance(2, cluster.InstanceReady, cluster.WantRun), instance(1, cluster.InstanceReady, cluster.WantRun)}, "shop_web slot 0 still runs version 1"},
		"old on its way":    {[]rpc.Instance{instance(1, cluster.InstanceDraining, cluster.WantStop)}, "shop_web slot 0 still runs version 1"},
		"new starting":      {[]rpc.Instance{instance(2, cluster.InstanceStarting, cluster.WantRun)}, "shop_web slot 0 is starting"},
		"new on its way":    {[]rpc.Instance{instance(2, cluster.InstanceDraining, cluster.WantStop)}, ""},
		"of what was there": {[]rpc.Instance{{Component: "shop_gone", Version: 4, Want: cluster.WantStop}}, "shop_gone slot 0 still runs version 4"},
	} {
		if got := behind(components, test.instances); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// What an applied revision lacks, and what ends the wait for it.
func TestWhatARollOutLacks(t *testing.T) {
	applied := rpc.ApplyAnswer{Revision: 7, Changes: project.Changes{Project: "shop", Summary: project.Summary{Updated: 1}, Components: project.ObjectChanges{Updated: []project.ObjectChange{{Name: "shop_web"}}}}}
	retry := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	component := func(name string, o rpc.Rollout) rpc.Component {
		o.RestartVersion = 2
		return rpc.Component{Name: name, Version: 2, Rollout: o}
	}
	web := func(o rpc.Rollout) []rpc.Component { return []rpc.Component{component("shop_web", o)} }
	failed := rpc.Rollout{State: rpc.RolloutFailed, Reason: cluster.ReasonExited, Message: "exits with 3"}
	later := rpc.Rollout{State: rpc.RolloutFailed, Reason: cluster.ReasonPullFailed, Message: "the registry is away", RetryAt: &retry}
	missing := rpc.Rollout{State: rpc.RolloutFailed, Reason: cluster.ReasonImageMissing, Message: "there is no image", RetryAt: &retry}
	rolling := rpc.Rollout{State: rpc.RolloutRolling, Message: "1 of 2"}
	proving := rpc.Rollout{State: rpc.RolloutProving, Message: "to be proven"}
	done := rpc.Rollout{State: rpc.RolloutDone}
	backoff := func(restarts int, reason cluster.Reason) []rpc.Instance {
		return []rpc.Instance{{Component: "shop_web", Version: 2, State: string(cluster.InstanceBackoff), Reason: reason, Restarts: restarts, Want: cluster.WantRun}}
	}
	for _, test := range []struct {
		name       string
		project    rpc.Project
		components []rpc.Component
		instances  []rpc.Instance
		missing    string
		ended      string // the error
		code       int
		unfit      bool
	}{
		{"not read yet", rpc.Project{Revision: 6, Synced: true, Healthy: true}, web(failed), nil, "not every node works by it", "", 0, true},
		{"not read elsewhere", rpc.Project{Revision: 7, Healthy: true}, web(done), nil, "not every node works by it", "", 0, false},
		{"done", rpc.Project{Revision: 7, Synced: true, Healthy: true}, web(done), nil, "", "", 0, false},
		{"asleep, and never started", rpc.Project{Revision: 7, Synced: true, Healthy: true}, web(rpc.Rollout{State: rpc.RolloutUnproven, Message: "asleep"}), nil, "", "", 0, false},
		{"to be proven", rpc.Project{Revision: 7, Synced: true, Healthy: true}, web(proving), nil, "shop_web: to be proven", "", 0, true},
		{"rolling", rpc.Project{Revision: 7, Synced: true, Healthy: true}, web(rolling), nil, "shop_web: 1 of 2", "", 0, true},
		{"waits for its release", rpc.Project{Revision: 7, Synced: true, Healthy: true}, web(rpc.Rollout{State: rpc.RolloutWaiting, Message: "waits"}), nil, "shop_web: waits", "", 0, true},
		{"failed", rpc.Project{Revision: 7, Synced: true}, web(failed), nil, "", "shop_web: exited: exits with 3", exitTimeout, true},
		{"failed, tried again", rpc.Project{Revision: 7, Synced: true}, web(later), nil, "shop_web: pull_failed: the registry is away", "", 0, true},
		{"an image that is not there", rpc.Project{Revision: 7, Synced: true}, web(missing), nil, "", "shop_web: image_missing: there is no image", exitTimeout, true},
		{"another one failed before", rpc.Project{Revision: 7, Synced: true}, append(web(proving), component("shop_api", failed)), nil, "shop_web: to be proven", "", 0, true},
		{"and that is all", rpc.Project{Revision: 7, Synced: true}, append(web(done), component("shop_api", failed)), nil, "", "shop_api: exited: exits with 3", exitTimeout, false},
		{"a first version fails", rpc.Project{Revision: 7, Synced: true}, web(proving), backoff(2, cluster.ReasonExited), "shop_web: to be proven", "", 0, true},
		{"and fails", rpc.Project{Revision: 7, Synced: true}, web(proving), backoff(3, cluster.ReasonExited), "", "shop_web: to be proven", exitTimeout, true},
		{"which is not its fault", rpc.Project{Revision: 7, Synced: true}, web(proving), backoff(9, cluster.ReasonEngineDown), "shop_web: to be proven", "", 0, true},
		{"unhealthy", rpc.Project{Revision: 7, Synced: true, Message: "shop_api: fails"}, web(done), nil, "shop_api: fails", "", 0, false},
		{"a start", rpc.Project{Revision: 7, Synced: true, Healthy: true}, web(done), []rpc.Instance{{Component: "shop_web", Version: 2, Want: cluster.WantRun, State: "starting"}}, "shop_web slot 0 is starting", "", 0, true},
		{"of another revision", rpc.Project{Revision: 8, Synced: true}, web(failed), nil, "", "revision 7 of shop is not waited for any more: revision 8 by bob (local/node-1) (edit) has taken its place: restarted", exitConflict, true},
	} {
		r := newRollOut(applied)
		detail := rpc.ProjectDetail{Components: test.components, Revisions: []cluster.Revision{{Number: 8, Actor: "bob (local/node-1)", Kind: cluster.RevisionEdit, Reason: "restarted"}}}
		detail.Project = test.project
		got, err := r.missing(detail, test.instances)
		text := ""
		if err != nil {
			text = err.Error()
			if exitCode(err) != test.code && !(test.code == exitTimeout && errors.Is(err, errFailed)) {
				t.Errorf("%s: exit code %d", test.name, exitCode(err))
			}
		}
		if got != test.missing || text != test.ended || r.unfit != test.unfit {
			t.Errorf("%s: %q, %q, unfit %v; want %q, %q, %v", test.name, got, text, r.unfit, test.missing, test.ended, test.unfit)
		}
	}
}

// An apply that has changed nothing waits for what is stored, whoever did that.
func TestARollOutOfNothingIsOfTheRevisionThatIsThere(t *testing.T) {
	for name, applied := range map[string]rpc.ApplyAnswer{
		"empty":    {Revision: 5, Changes: project.Changes{Project: "shop"}},
		"replayed": {Revision: 5, Replayed: true, Changes: project.Changes{Project: "shop", Summary: project.Summary{Added: 1}, Components: project.ObjectChanges{Added: []project.ObjectChange{{Name: "shop_web"}}}}},
	} {
		r := newRollOut(applied)
		detail := rpc.ProjectDetail{}
		detail.Project = rpc.Project{Revision: 8, Synced: true, Healthy: true}
		if missing, err := r.missing(detail, nil); missing != "" || err != nil {
			t.Errorf("%s: %q, %v", name, missing, err)
		}
		detail.Project.Revision, detail.Revisions = 9, []cluster.Revision{{Number: 9, Source: "infra", SourceRevision: "4f2a9c1b0d3e4f2a9c1b0d3e4f2a9c1b0d3e4f2a", Kind: cluster.RevisionApply}}
		if _, err := r.missing(detail, nil); !errors.Is(err, errPreempted) || !strings.Contains(err.Error(), "revision 9 of source infra at 4f2a9c1b (apply)") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
