package rpc

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"maelstrom/cluster"
)

func TestSyncNumbersGrow(t *testing.T) {
	s := newStored(t)
	s.add("shop")
	s.own("shop", "web")
	for want := int64(1); want <= 2; want++ {
		answer, err := s.client.SyncProject(t.Context(), SyncProjectRequest{Target: Target{Project: "web"}})
		if err != nil || answer.Number != want || answer.Source != "shop" {
			t.Errorf("%+v, %v", answer, err)
		}
	}
	s.tell(cluster.StatusWrite{Source: &cluster.SourceStatus{Source: "shop", Sync: 7}})
	answer, err := s.client.SyncProject(t.Context(), SyncProjectRequest{Target: Target{Source: "shop"}})
	if err != nil || answer.Number != 8 {
		t.Errorf("after 7 were served: %+v, %v", answer, err)
	}
	detail, err := s.client.GetSource(t.Context(), "shop")
	if err != nil || detail.Source.SyncRequested != 8 || detail.Source.SyncServed != 7 || detail.Source.Holder != testNode {
		t.Errorf("%+v, %v", detail.Source, err)
	}
	s.own("", "alone")
	commit := strings.Repeat("c0ffee12", 5)
	if _, err := s.client.PutSource(t.Context(), PutSourceRequest{Spec: &cluster.Source{Name: "git", Git: &cluster.GitSource{URL: "https://git.test/x.git"}}}); err != nil {
		t.Fatal(err)
	}
	for _, whole := range []string{commit, strings.ToUpper(commit), commit + commit[:24]} {
		answer, err := s.client.SyncProject(t.Context(), SyncProjectRequest{Target: Target{Source: "git"}, Revision: whole})
		if err != nil || answer.Revision != strings.ToLower(whole) {
			t.Errorf("%+v, %v", answer, err)
		}
	}
	for _, test := range []struct {
		req  SyncProjectRequest
		kind Kind
	}{
		{SyncProjectRequest{}, KindInvalid},
		{SyncProjectRequest{Target: Target{Project: "web", Source: "shop"}}, KindInvalid},
		{SyncProjectRequest{Target: Target{Project: "nope"}}, KindNotFound},
		{SyncProjectRequest{Target: Target{Source: "nope"}}, KindNotFound},
		{SyncProjectRequest{Target: Target{Project: "alone"}}, KindConflict},
		{SyncProjectRequest{Target: Target{Source: "shop"}, Revision: "-x"}, KindInvalid},
		{SyncProjectRequest{Target: Target{Source: "shop"}, Revision: commit}, KindInvalid}, // a directory
		{SyncProjectRequest{Target: Target{Project: "web"}, Revision: commit}, KindInvalid},
		{SyncProjectRequest{Target: Target{Source: "git"}, Revision: "main"}, KindInvalid},
		{SyncProjectRequest{Target: Target{Source: "git"}, Revision: commit[:39]}, KindInvalid},
		{SyncProjectRequest{Target: Target{Source: "git"}, Revision: commit + commit[:23]}, KindInvalid},
	} {
		if _, err := s.client.SyncProject(t.Context(), test.req); kindOfError(err) != test.kind {
			t.Errorf("%+v: %v", test.req, err)
		}
	}
}

// Requests that come at the same time each get a number of their own.
func TestSyncsAtTheSameTime(t *testing.T) {
	s := newStored(t)
	s.add("shop")
	numbers := make([]int64, 4)
	var all sync.WaitGroup
	for i := range numbers {
		all.Go(func() {
			answer, err := s.client.SyncProject(t.Context(), SyncProjectRequest{Target: Target{Source: "shop"}})
			if err != nil {
				t.Error(err)
			}
			numbers[i] = answer.Number
		})
	}
	all.Wait()
	seen := map[int64]bool{}
	for _, n := range numbers {
		if seen[n] || n < 1 || n > 4 {
			t.Errorf("numbers = %v", numbers)
		}
		seen[n] = true
	}
}

func TestSuspendAndResume(t *testing.T) {
	s := newStored(t)
	s.add("shop")
	s.own("shop", "web")
	web, all := Target{Project: "web"}, Target{Source: "shop"}
	for _, bad := range []SuspendRequest{{Target: web}, {Target: web, Reason: strings.Repeat("x", 501)}, {Target: web, Reason: "x", ForSeconds: -1}} {
		if _, err := s.client.SuspendProject(t.Context(), bad); kindOfError(err) != KindInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	answer, err := s.client.SuspendProject(t.Context(), SuspendRequest{Target: web, Reason: "load test", ForSeconds: 3600, Actor: "ann"})
	if suspended := answer.Control.Suspended; err != nil || suspended.Until.Sub(suspended.Since) != time.Hour || suspended.Actor != "ann (tester)" {
		t.Fatalf("%+v, %v", answer, err)
	}
	status, err := s.client.ProjectStatus(t.Context(), web)
	if err != nil || status.Projects[0].Suspended == nil || condition(status.Projects[0].Conditions, cluster.ConditionSuspended) == nil {
		t.Errorf("%+v, %v", status, err)
	}
	for _, target := range []Target{web} {
		if _, err := s.client.SyncProject(t.Context(), SyncProjectRequest{Target: target}); !errors.Is(err, cluster.ErrConflict) || !strings.Contains(err.Error(), "load test") {
			t.Errorf("a sync meanwhile: %v", err)
		}
	}
	if back, err := s.client.ResumeProject(t.Context(), ResumeRequest{Target: web, Actor: "bob"}); err != nil || !back.Changed {
		t.Errorf("%+v, %v", back, err)
	}
	if back, err := s.client.ResumeProject(t.Context(), ResumeRequest{Target: web}); err != nil || back.Changed {
		t.Errorf("resumed twice: %+v, %v", back, err)
	}
	if _, err := s.client.SuspendProject(t.Context(), SuspendRequest{Target: all, Reason: "moving"}); err != nil {
		t.Fatal(err)
	}
	list, err := s.client.ListProjects(t.Context(), ListProjectsRequest{})
	if err != nil || list.Projects[0].Name != "web" {
		t.Errorf("%+v, %v", list, err)
	}
	status, err = s.client.ProjectStatus(t.Context(), all)
	if err != nil || status.Source.Suspended == nil || status.Projects[0].Suspended == nil {
		t.Errorf("%+v, %v", status, err)
	}
	events, err := s.client.ListEvents(t.Context(), ListEventsRequest{Kinds: []cluster.EventKind{cluster.EventSuspended, cluster.EventResumed}})
	if err != nil || len(events.Events) != 3 || events.Events[0].Project != "web" || events.Events[2].Project != "" || events.Events[2].Source != "shop" {
		t.Errorf("%+v, %v", events, err)
	}
}

func TestASuspensionRunsOut(t *testing.T) {
	now := started
	for until, want := range map[time.Time]bool{{}: true, now.Add(time.Second): true, now: false, now.Add(-time.Second): false} {
		row := &cluster.ControlRow{Kind: cluster.ControlProject, Name: "web", Control: cluster.Control{Suspended: &cluster.Suspension{Until: until}}}
		snap := cluster.NewSnapshot().With(cluster.ChangeSet{Number: 1, Full: true, Controls: map[string]*cluster.ControlRow{row.Key(): row}})
		if got := (view{snap: snap, now: now}).suspension(cluster.ControlProject, "web") != nil; got != want {
			t.Errorf("until %s: suspended %v", until, got)
		}
	}
}

func TestResumeEndsPinAndSkip(t *testing.T) {
	s := newStored(t)
	s.add("shop")
	s.own("shop", "web")
	_, err := s.store.PutControl(t.Context(), cluster.ControlRow{Kind: cluster.ControlProject, Name: "web", Control: cluster.Control{
		Pinned: &cluster.Pin{Revision: 3, Reason: "bad", Actor: "ann"}, Skipped: &cluster.Skip{SourceRevision: "beef"},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.server.await(t.Context(), func(snap *cluster.Snapshot) bool { return snap.Controls.Len() == 1 })
	detail, err := s.client.GetProject(t.Context(), GetProjectRequest{Name: "web"})
	if err != nil || detail.Pinned == nil || detail.Skipped == nil || condition(detail.Conditions, cluster.ConditionPinned) == nil || len(detail.Events) == 0 {
		t.Errorf("%+v, %v", detail.ProjectStatus, err)
	}
	if _, err := s.client.ResumeProject(t.Context(), ResumeRequest{Target: Target{Project: "web"}}); err != nil {
		t.Fatal(err)
	}
	if n := s.feed.Snapshot().Controls.Len(); n != 0 {
		t.Errorf("%d controls are left", n)
	}
}

func TestStatusShowsFilesThatAreNoProjects(t *testing.T) {
	s := newStored(t)
	s.add("shop")
	s.own("shop", "web")
	s.own("", "alone")
	s.tell(cluster.StatusWrite{
		Source: &cluster.SourceStatus{Source: "shop", Projects: 3, Failing: 3, Revision: "beef"},
		Put:    []cluster.ProjectStatus{failing("shop", "web.yml", "web"), failing("shop", "new.yml", "new"), failing("shop", "lost.yml", "")},
	})
	list, err := s.client.ListProjects(t.Context(), ListProjectsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range list.Projects {
		word := "unsynced"
		if p.Synced {
			word = "synced"
		}
		got = append(got, p.Name+"/"+p.File+"/"+word)
	}
	if text := strings.Join(got, " "); text != "alone//synced new/new.yml/unsynced web/web.yml/unsynced /lost.yml/unsynced" {
		t.Errorf("projects = %s", text)
	}
	status, err := s.client.ProjectStatus(t.Context(), Target{Source: "shop"})
	if err != nil || len(status.Projects) != 3 || status.Source.Failing != 3 {
		t.Fatalf("%+v, %v", status, err)
	}
	web := status.Projects[1]
	if web.File == nil || web.File.Problems[0].Line != 3 || web.File.LastGood != "c0ffee" || web.File.Attempted != "beef" || web.Project.Revision != 1 {
		t.Errorf("web = %+v", web)
	}
	if !strings.HasPrefix(web.Project.Message, "ParseError: ") {
		t.Errorf("message = %q", web.Project.Message)
	}
	one, err := s.client.ProjectStatus(t.Context(), Target{Project: "new"})
	if err != nil || len(one.Projects) != 1 || one.Projects[0].Project.Revision != 0 || one.Projects[0].Project.Healthy {
		t.Errorf("new = %+v, %v", one, err)
	}
	s.tell(cluster.StatusWrite{Put: []cluster.ProjectStatus{good("shop", "web.yml", "web")}})
	if one, err = s.client.ProjectStatus(t.Context(), Target{Project: "web"}); err != nil || !one.Projects[0].Project.Synced {
		t.Errorf("web mended = %+v, %v", one, err)
	}
	s.tell(cluster.StatusWrite{Put: []cluster.ProjectStatus{failing("shop", "alone.yml", "alone")}})
	list, err = s.client.ListProjects(t.Context(), ListProjectsRequest{Prefix: "alone"})
	if err != nil || len(list.Projects) != 1 || !list.Projects[0].Synced || !strings.Contains(list.Projects[0].Message, "alone.yml of source shop declares it too") {
		t.Errorf("alone = %+v, %v", list, err)
	}
}

// A project is synced when every live node has told its status well after the
// change.
func TestSyncedNeedsEveryLiveNode(t *testing.T) {
	row := &cluster.ProjectRow{Name: "web", ModifiedAt: started}
	snap := cluster.NewSnapshot().With(cluster.ChangeSet{Number: 1, Full: true, Nodes: map[string]*cluster.Node{
		"b": {ID: "b", Name: "beta", State: cluster.NodeUp},
	}})
	for seen, want := range map[time.Duration]cluster.ConditionStatus{
		-time.Hour: cluster.StatusFalse, time.Second: cluster.StatusFalse, seenMargin: cluster.StatusTrue, time.Hour: cluster.StatusTrue,
	} {
		c := (view{snap: snap, now: started, seen: map[string]time.Time{"b": started.Add(seen)}}).synced(row, nil)
		if c.Status != want || want == cluster.StatusFalse && (c.Reason != cluster.ReasonNodeUnreachable || !strings.Contains(c.Message, "beta")) {
			t.Errorf("seen %s after: %+v", seen, c)
		}
	}
}

func TestApprovePrune(t *testing.T) {
	s := newStored(t)
	s.add("shop")
	if _, err := s.client.ApprovePrune(t.Context(), ApprovePruneRequest{Hash: "1234"}); !errors.Is(err, cluster.ErrConflict) {
		t.Errorf("nothing waits: %v", err)
	}
	s.tell(cluster.StatusWrite{Source: &cluster.SourceStatus{Source: "shop", PlanHash: "abcd", Removals: []string{"shop_web", "shop_api"}}})
	if _, err := s.client.ApprovePrune(t.Context(), ApprovePruneRequest{Hash: "1234"}); !errors.Is(err, cluster.ErrConflict) || !strings.Contains(err.Error(), "abcd of source shop") {
		t.Errorf("another hash: %v", err)
	}
	if _, err := s.client.ApprovePrune(t.Context(), ApprovePruneRequest{}); kindOfError(err) != KindInvalid {
		t.Errorf("no hash: %v", err)
	}
	for range 2 { // the second time nothing is written
		answer, err := s.client.ApprovePrune(t.Context(), ApprovePruneRequest{Hash: "abcd", Actor: "ann"})
		if err != nil || answer.Source != "shop" || len(answer.Removals) != 2 {
			t.Fatalf("%+v, %v", answer, err)
		}
	}
	control, _ := s.feed.Snapshot().Controls.Get(cluster.ControlKey(cluster.ControlSource, "shop"))
	if control.Control.Approved != "abcd" {
		t.Errorf("control = %+v", control)
	}
	events, err := s.client.ListEvents(t.Context(), ListEventsRequest{Kinds: []cluster.EventKind{cluster.EventBrake}})
	if err != nil || len(events.Events) != 1 || events.Events[0].Actor != "ann (tester)" {
		t.Errorf("%+v, %v", events, err)
	}
}

func TestAdoptionNeedsASourceThatDeclaresTheProject(t *testing.T) {
	s := newStored(t)
	s.add("shop")
	s.own("", "web")
	files := ProjectFiles{Base: SourceFile{Path: "web.yml", Data: []byte("name: web\ncomponents:\n  web: {image: web}\n")}}
	apply := func(adopt bool, source string) error {
		_, err := s.client.ApplyProject(t.Context(), ApplyRequest{ProjectFiles: files, Adopt: adopt, Source: source})
		return err
	}
	if err := apply(true, "nope"); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("no such source: %v", err)
	}
	if err := apply(false, "shop"); kindOfError(err) != KindInvalid {
		t.Errorf("without adopt: %v", err)
	}
	if err := apply(true, "shop"); !errors.Is(err, cluster.ErrConflict) {
		t.Errorf("nothing declares it: %v", err)
	}
	s.tell(cluster.StatusWrite{Put: []cluster.ProjectStatus{failing("shop", "web.yml", "web")}})
	if err := apply(true, "shop"); err != nil {
		t.Fatal(err)
	}
	row, _ := s.feed.Snapshot().Projects.Get("web")
	detail, err := s.client.GetSource(t.Context(), "shop")
	if row.Source != "shop" || err != nil || detail.Source.SyncRequested != 1 || len(detail.Files) != 1 {
		t.Errorf("row %+v, source %+v, %v", row, detail.Source, err)
	}
}

func TestEventsAreFollowed(t *testing.T) {
	s := newStored(t)
	s.add("shop")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := s.client.FollowEvents(ctx, ListEventsRequest{Source: "shop", Limit: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	first, err := stream.Next()
	if err != nil || first.Kind != cluster.EventSourceChanged {
		t.Fatalf("%+v, %v", first, err)
	}
	for i := range 3 {
		if _, err := s.client.SuspendProject(ctx, SuspendRequest{Target: Target{Source: "shop"}, Reason: strings.Repeat("x", i+1)}); err != nil {
			t.Fatal(err)
		}
		e, err := stream.Next()
		if err != nil || e.Kind != cluster.EventSuspended || e.ID <= first.ID || !strings.HasSuffix(e.Message, ": "+strings.Repeat("x", i+1)) {
			t.Errorf("%d: %+v, %v", i, e, err)
		}
	}
	cancel()
	if _, err := stream.Next(); !errors.Is(err, context.Canceled) && !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
	for _, bad := range []ListEventsRequest{{Limit: -1}, {Limit: maxEvents + 1}, {Kinds: []cluster.EventKind{"x"}}} {
		if _, err := s.client.ListEvents(t.Context(), bad); kindOfError(err) != KindInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := s.client.FollowEvents(t.Context(), ListEventsRequest{Kinds: []cluster.EventKind{"x"}}); kindOfError(err) != KindInvalid {
		t.Errorf("followed: %v", err)
	}
}

// What exists, or has left events, may have none of the kind that is asked for;
// anything else is not found.
func TestEventsOfUnknownNames(t *testing.T) {
	s := newStored(t)
	s.add("shop")
	s.own("shop", "web")
	s.add("gone")
	if _, err := s.client.RemoveSource(t.Context(), RemoveSourceRequest{Name: "gone"}); err != nil {
		t.Fatal(err)
	}
	none := []cluster.EventKind{cluster.EventDrift}
	for _, test := range []struct {
		req  ListEventsRequest
		kind Kind
	}{
		{ListEventsRequest{Kinds: none}, ""},
		{ListEventsRequest{Kinds: none, Source: "shop"}, ""},
		{ListEventsRequest{Kinds: none, Source: "gone"}, ""},
		{ListEventsRequest{Kinds: none, Project: "WEB"}, ""},
		{ListEventsRequest{Source: "nope"}, KindNotFound},
		{ListEventsRequest{Project: "nope"}, KindNotFound},
		{ListEventsRequest{Source: "shop", Project: "nope"}, KindNotFound},
		{ListEventsRequest{Component: "web_nope"}, KindNotFound},
		{ListEventsRequest{Node: "node-9"}, KindNotFound},
	} {
		if _, err := s.client.ListEvents(t.Context(), test.req); err != nil != (test.kind != "") || err != nil && kindOfError(err) != test.kind {
			t.Errorf("%+v: %v", test.req, err)
		}
		stream, err := s.client.FollowEvents(t.Context(), test.req)
		if err != nil != (test.kind != "") || err != nil && kindOfError(err) != test.kind {
			t.Errorf("%+v followed: %v", test.req, err)
		}
		if err == nil {
			stream.Close()
		}
	}
}
