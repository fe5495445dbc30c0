package rpc

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/project/route"
)

func TestComponentStates(t *testing.T) {
	run := cluster.WantRun
	type part struct {
		want  cluster.Want
		state cluster.InstanceState // empty: not reported
	}
	tests := []struct {
		name   string
		parts  []part
		refuse *cluster.Failure
		state  ComponentState
		reason cluster.Reason
		ready  int
	}{
		{name: "no instance", state: ComponentAsleep},
		{name: "placed", parts: []part{{run, ""}}, state: ComponentStarting},
		{name: "pulling", parts: []part{{run, cluster.InstancePulling}}, state: ComponentStarting},
		{name: "ready", parts: []part{{run, cluster.InstanceReady}}, state: ComponentReady, ready: 1},
		{name: "one of two ready", parts: []part{{run, cluster.InstanceBackoff}, {run, cluster.InstanceReady}}, state: ComponentReady, ready: 1},
		{name: "failing", parts: []part{{run, cluster.InstanceBackoff}}, state: ComponentFailed, reason: "exited"},
		{name: "failing beside a start", parts: []part{{run, cluster.InstanceBackoff}, {run, cluster.InstanceStarting}}, state: ComponentFailed, reason: "exited"},
		{name: "draining", parts: []part{{cluster.WantStop, cluster.InstanceDraining}}, state: ComponentStopping},
		{name: "told to stop", parts: []part{{cluster.WantStop, cluster.InstanceReady}}, state: ComponentStopping},
		{name: "refused", refuse: &cluster.Failure{Reason: cluster.ReasonNoCapacity, Message: "no node has room"}, state: ComponentFailed, reason: "no_capacity"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, client := shop(t)
			for i, p := range test.parts {
				placement := cluster.Placement{ID: string(rune('a' + i)), Component: "shop_web", Slot: i, Want: p.want}
				instance := cluster.Instance{State: p.state, Address: "10.0.0.2:80"}
				if p.state == cluster.InstanceBackoff {
					instance.Reason, instance.Message = cluster.ReasonExited, "set command"
				}
				if p.state == "" {
					placement.Node = testNode
					w.commit(cluster.ChangeSet{Placements: map[string]*cluster.Placement{placement.ID: &placement}})
					continue
				}
				w.run(placement, instance)
			}
			if test.refuse != nil {
				w.refused["shop_web"] = test.refuse
			}
			list, err := client.ListComponents(t.Context(), ListComponentsRequest{Prefix: "shop_w"})
			if err != nil || len(list.Components) != 1 {
				t.Fatalf("list = %+v, %v", list, err)
			}
			c := list.Components[0]
			if c.State != test.state || c.Reason != test.reason || c.InstancesReady != test.ready {
				t.Errorf("state %s, reason %q, %d ready; want %s, %q, %d", c.State, c.Reason, c.InstancesReady, test.state, test.reason, test.ready)
			}
			if (c.Reason == "") != (c.Message == "") {
				t.Errorf("reason %q with message %q", c.Reason, c.Message)
			}
			if c.Image != "shop/web:1" || c.MaxConcurrency != 20 || c.MemoryReservedMiB != 128 || c.Version != 1 || c.Project != "shop" {
				t.Errorf("component = %+v", c)
			}
		})
	}
}

func TestClusterLists(t *testing.T) {
	w, client := shop(t)
	w.run(cluster.Placement{ID: "p1", Component: "shop_web", Slot: 2, Want: cluster.WantRun, PlacedVersion: 4, MemoryMiB: 128},
		cluster.Instance{State: cluster.InstanceReady, Address: "10.0.0.2:8080", ContainerID: "c1", Image: "shop/web:1", StartedAt: started, Restarts: 2})
	w.loads["p1"] = cluster.InstanceLoad{InFlight: 3, Queued: 1, Total: 99, LastRequest: started.Add(time.Second)}
	got, err := client.Instances(t.Context(), InstancesRequest{Project: "shop"})
	if err != nil || len(got.Instances) != 1 {
		t.Fatalf("instances = %+v, %v", got, err)
	}
	last := started.Add(time.Second)
	want := Instance{
		Placement: "p1", Component: "shop_web", Project: "shop", Version: 4, Slot: 2, Node: testNode, NodeName: "alpha", State: "ready", Want: "run",
		ContainerID: "c1", Image: "shop/web:1", Address: "10.0.0.2:8080", StartedAt: &started, LastRequestAt: &last,
		InFlight: 3, Queued: 1, RequestsTotal: 99, MemoryReservedMiB: 128, Restarts: 2,
	}
	i := got.Instances[0]
	if !i.StartedAt.Equal(started) || !i.LastRequestAt.Equal(last) || i.BackoffUntil != nil {
		t.Errorf("times of %+v", i)
	}
	i.StartedAt, i.LastRequestAt, want.StartedAt, want.LastRequestAt = nil, nil, nil, nil
	if i != want {
		t.Errorf("instance = %+v\nwant %+v", i, want)
	}
	for _, req := range []InstancesRequest{{Component: "shop_api"}, {Project: "x"}, {Node: "node-2"}} {
		if none, err := client.Instances(t.Context(), req); err != nil || len(none.Instances) != 0 {
			t.Errorf("%+v: %+v, %v", req, none, err)
		}
	}
	nodes, err := client.Nodes(t.Context())
	if err != nil || len(nodes.Nodes) != 1 || nodes.Nodes[0].MemoryReservedMiB != 128 || !slices.Equal(nodes.Nodes[0].Roles, []string{"placement"}) || nodes.Nodes[0].Load1m != latestLoad {
		t.Errorf("nodes = %+v, %v", nodes, err)
	}
	roles, err := client.Roles(t.Context())
	if err != nil || len(roles.Roles) != 1 || roles.Roles[0] != (Role{Role: "placement", Holder: testNode, HolderName: "alpha", Fence: 3, AgeSeconds: 1.5}) {
		t.Errorf("roles = %+v, %v", roles, err)
	}
	version, err := client.Version(t.Context())
	if err != nil || version.Version != "1.2.3" || version.Node != testNode || version.ClusterID != "cluster-1" {
		t.Errorf("version = %+v, %v", version, err)
	}
}

// A component and a node that are there may have no events.
func TestEventsOfComponentsAndNodes(t *testing.T) {
	_, client := shop(t)
	for _, test := range []struct {
		req  ListEventsRequest
		kind Kind
	}{
		{ListEventsRequest{Component: "Shop_Web"}, ""},
		{ListEventsRequest{Node: testNode}, ""},
		{ListEventsRequest{Component: "shop_nope"}, KindNotFound},
		{ListEventsRequest{Node: "node-9"}, KindNotFound},
	} {
		if _, err := client.ListEvents(t.Context(), test.req); err != nil != (test.kind != "") || err != nil && kindOfError(err) != test.kind {
			t.Errorf("%+v: %v", test.req, err)
		}
	}
}

func TestRestart(t *testing.T) {
	w, client := shop(t)
	got, err := client.Restart(t.Context(), RestartRequest{Names: []string{"shop_web"}, Actor: "ann"})
	if err != nil || got.Versions["shop_web"] != 2 || w.hints == 0 {
		t.Errorf("restart = %+v, %v", got, err)
	}
	if actor := w.history[len(w.history)-1].Actor; actor != "ann (tester)" {
		t.Errorf("actor = %q", actor)
	}
	if _, err := client.Restart(t.Context(), RestartRequest{Names: []string{"shop_web", "web"}}); kindOfError(err) != KindNotFound {
		t.Errorf("unknown name: %v", err)
	}
	if _, err := client.Restart(t.Context(), RestartRequest{Names: []string{}}); kindOfError(err) != KindInvalid {
		t.Errorf("no name: %v", err)
	}
}

func TestWakeAndSleep(t *testing.T) {
	w, client := shop(t)
	got, err := client.Wake(t.Context(), WakeRequest{Name: "shop_web"})
	if err != nil || got.Component.State != ComponentAsleep || !slices.Equal(w.woken, []string{"shop_web"}) {
		t.Errorf("wake = %+v, %v", got, err)
	}
	if _, err := client.Sleep(t.Context(), SleepRequest{Name: "shop_web"}); err != nil || !slices.Equal(w.asleep, []string{"shop_web"}) {
		t.Errorf("sleep: %v, %v", w.asleep, err)
	}
	if _, err := client.Wake(t.Context(), WakeRequest{Name: "web"}); kindOfError(err) != KindNotFound {
		t.Errorf("unknown name: %v", err)
	}
	w.wakeErr = &cluster.Failure{Reason: cluster.ReasonNoCapacity, Message: "no node has 128 MiB", RetryAfter: 1500 * time.Millisecond}
	_, err = client.Wake(t.Context(), WakeRequest{Name: "shop_web"})
	var e *Error
	if !errors.As(err, &e) || e.Kind != KindFailed || e.Reason != cluster.ReasonNoCapacity || e.RetryAfter != 1500*time.Millisecond {
		t.Errorf("refused: %+v", err)
	}
}

func TestSleepShowsThatItHasBegun(t *testing.T) {
	w, client := shop(t)
	p := cluster.Placement{ID: "p1", Component: "shop_web", Want: cluster.WantRun}
	w.run(p, cluster.Instance{State: cluster.InstanceReady})
	w.slept = func() { // as the snapshot has it a moment after the decision
		p.Want, p.Node = cluster.WantStop, testNode
		defer w.lock()()
		w.commit(cluster.ChangeSet{Placements: map[string]*cluster.Placement{p.ID: &p}})
	}
	if got, err := client.Sleep(t.Context(), SleepRequest{Name: "shop_web"}); err != nil || got.Component.State != ComponentStopping || got.Component.InstancesReady != 0 {
		t.Errorf("sleep = %+v, %v", got, err)
	}
}

func TestWakeWaitsUntilReady(t *testing.T) {
	w, client := shop(t)
	type outcome struct {
		answer ComponentAnswer
		err    error
	}
	wake := func(seconds float64) outcome {
		answer, err := client.Wake(t.Context(), WakeRequest{Name: "shop_web", WaitSeconds: seconds})
		return outcome{answer, err}
	}
	if got := wake(0.001); kindOfError(got.err) != KindTimeout {
		t.Errorf("never ready: %+v", got)
	}
	done := make(chan outcome, 1)
	go func() { done <- wake(60) }()
	w.run(cluster.Placement{ID: "p1", Component: "shop_web", Want: cluster.WantRun}, cluster.Instance{State: cluster.InstanceStarting})
	w.run(cluster.Placement{ID: "p1", Component: "shop_web", Want: cluster.WantRun}, cluster.Instance{State: cluster.InstanceReady, Address: "10.0.0.2:80"})
	if got := <-done; got.err != nil || got.answer.Component.State != ComponentReady {
		t.Errorf("ready: %+v", got)
	}
	w.run(cluster.Placement{ID: "p1", Component: "shop_web", Want: cluster.WantRun},
		cluster.Instance{State: cluster.InstanceBackoff, Reason: cluster.ReasonExited, Message: "exit code 1"})
	if got := wake(60); kindOfError(got.err) != KindFailed {
		t.Errorf("failed: %+v", got)
	}
}

func TestEventSources(t *testing.T) {
	_, client := shop(t)
	list, err := client.ListEventSources(t.Context(), ListEventSourcesRequest{})
	if err != nil || len(list.EventSources) != 2 {
		t.Fatalf("list = %+v, %v", list, err)
	}
	front, nightly := list.EventSources[0], list.EventSources[1]
	if front.Summary != "shop.example.com" || front.State != EventSourceActive || front.NextAt != nil || front.Component != "shop_web" {
		t.Errorf("http = %+v", front)
	}
	if nightly.Summary != "0 3 * * * GET /nightly" || nightly.NextAt == nil || nightly.NextAt.Hour() != 3 {
		t.Errorf("cron = %+v", nightly)
	}
	filtered, err := client.ListEventSources(t.Context(), ListEventSourcesRequest{EventSourceFilter: EventSourceFilter{Type: project.TypeCron, Project: "shop", Component: "shop_web"}})
	if err != nil || len(filtered.EventSources) != 1 {
		t.Errorf("filtered = %+v, %v", filtered, err)
	}
	off, err := client.DisableEventSources(t.Context(), SwitchRequest{EventSourceFilter: EventSourceFilter{Type: project.TypeCron}})
	if err != nil || !slices.Equal(off.Changed, []string{"shop_nightly"}) || off.EventSources[0].State != EventSourceDisabled || off.EventSources[0].NextAt != nil {
		t.Errorf("disable = %+v, %v", off, err)
	}
	all, err := client.DisableEventSources(t.Context(), SwitchRequest{All: true})
	if err != nil || len(all.EventSources) != 2 || !slices.Equal(all.Changed, []string{"shop_front"}) {
		t.Errorf("disable all = %+v, %v", all, err)
	}
	on, err := client.EnableEventSources(t.Context(), SwitchRequest{Names: []string{"shop_nightly", "shop_front"}})
	if err != nil || len(on.Changed) != 2 {
		t.Errorf("enable = %+v, %v", on, err)
	}
	for _, req := range []SwitchRequest{{}, {All: true, Names: []string{"shop_front"}}, {All: true, EventSourceFilter: EventSourceFilter{Project: "x"}}} {
		if _, err := client.EnableEventSources(t.Context(), req); kindOfError(err) != KindInvalid {
			t.Errorf("%+v: %v", req, err)
		}
	}
	if _, err := client.EnableEventSources(t.Context(), SwitchRequest{Names: []string{"nightly"}}); kindOfError(err) != KindNotFound {
		t.Errorf("unknown name: %v", err)
	}
}

func TestEventSourceTypesThatNothingRuns(t *testing.T) {
	for _, spec := range []*project.EventSource{
		{SQS: &project.SQSSource{QueueName: "jobs", NameAsPrefix: true, Path: "/job"}},
		{AWSStepFunc: &project.AWSStepFuncSource{ActivityName: "step", Path: "/step"}},
	} {
		row := &cluster.EventSourceRow{Spec: spec, Enabled: true}
		if got := (view{}).eventSource(row); got.State != EventSourceNotRun || got.Summary == "" {
			t.Errorf("event source = %+v", got)
		}
	}
}

func TestResolveRoute(t *testing.T) {
	_, client := shop(t)
	tests := []struct {
		req       ResolveRequest
		component string
		status    int
	}{
		{ResolveRequest{Target: "http://shop.example.com/x?y=1"}, "shop_web", 0},
		{ResolveRequest{Target: "/x", Host: "SHOP.example.com."}, "shop_web", 0},
		{ResolveRequest{Target: "/x", Host: "other.example.com"}, "", 404},
		{ResolveRequest{Target: "/x", Gateway: route.Private, Headers: []project.Header{{Name: "maelstrom-component", Value: "shop_api"}}}, "shop_api", 0},
		{ResolveRequest{Target: "/x", Gateway: route.Private, Headers: []project.Header{{Name: "maelstrom-component", Value: "none"}}}, "", 404},
		{ResolveRequest{Target: "no target"}, "", 400},
		{ResolveRequest{Target: "/_mael_health_check"}, "", 200},
	}
	for _, test := range tests {
		got, err := client.ResolveRoute(t.Context(), test.req)
		if err != nil || got.Component != test.component || got.Status != test.status || got.Matched != (test.component != "") {
			t.Errorf("%+v: %+v, %v", test.req, got, err)
		}
	}
	if _, err := client.ResolveRoute(t.Context(), ResolveRequest{Target: "/", Gateway: "side"}); kindOfError(err) != KindInvalid {
		t.Errorf("unknown gateway: %v", err)
	}
}

func TestBackup(t *testing.T) {
	w, client := shop(t)
	path := filepath.Join(t.TempDir(), "copy.db")
	got, err := client.Backup(t.Context(), BackupRequest{Path: path})
	if err != nil || got.Path != path || got.SizeBytes != 6 || w.backedUp != path {
		t.Errorf("backup = %+v, %v", got, err)
	}
	if _, err := client.Backup(t.Context(), BackupRequest{Path: path}); kindOfError(err) != KindExists {
		t.Errorf("a second time: %v", err)
	}
	if _, err := client.Backup(t.Context(), BackupRequest{Path: "copy.db"}); kindOfError(err) != KindInvalid {
		t.Errorf("a relative path: %v", err)
	}
}

func TestExitCodes(t *testing.T) {
	want := map[Kind]int{
		KindInternal: 1, KindUnavailable: 1, KindProtocol: 1, KindFailed: 1, KindInvalid: 3, KindUnauthorized: 4,
		KindExists: 5, KindConflict: 5, KindNotFound: 6, KindTimeout: 8,
	}
	for kind, code := range want {
		if got := kind.ExitCode(); got != code {
			t.Errorf("%s ends with %d, want %d", kind, got, code)
		}
	}
}

func TestClassify(t *testing.T) {
	tests := []struct {
		err  error
		kind Kind
		code int
	}{
		{cluster.ErrNotFound, KindNotFound, 1003},
		{cluster.ErrConflict, KindConflict, 1004},
		{&conflict{problems: []project.Problem{{}}}, KindConflict, 1004},
		{cluster.ErrNotHolder, KindUnavailable, -32001},
		{context.DeadlineExceeded, KindTimeout, -32000},
		{&cluster.Failure{}, KindFailed, -32000},
		{errors.New("x"), KindInternal, -32000},
		{errorf(KindExists, "x"), KindExists, 1002},
	}
	for _, test := range tests {
		got := classify(test.err)
		if got.Kind != test.kind || got.wire("r").Code != test.code || !errors.Is(got, test.err) {
			t.Errorf("%v: %s %d", test.err, got.Kind, got.wire("r").Code)
		}
		back := got.wire("r").toError()
		if back.Kind != test.kind || back.RequestID != "r" || back.Message != got.Message {
			t.Errorf("%v: over the wire %+v", test.err, back)
		}
	}
}
