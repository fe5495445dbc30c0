package rpc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// keptRecent is what a node keeps.
type keptRecent struct {
	recent *cluster.Recent
	asOf   time.Time
}

func (k *keptRecent) Recent() *cluster.Recent { return k.recent }
func (k *keptRecent) AsOf() time.Time         { return k.asOf }

// awayShop is a shop without its database, of which the node keeps a little.
func awayShop(t *testing.T, restored bool) (w *world, client *Client, told func() Away) {
	t.Helper()
	w, _ = shop(t)
	w.away = errors.New("connection refused")
	asOf := started.Add(-time.Minute)
	kept := (&cluster.Recent{}).With(cluster.RecentSet{
		Number: 9, Full: true, Cut: true,
		Events:     []cluster.Event{{ID: 1, Kind: cluster.EventApplied, Severity: cluster.EventInfo, Project: "shop", Source: "git", Time: started}, {ID: 2, Kind: cluster.EventWake, Severity: cluster.EventInfo, Time: started}},
		Revisions:  map[string][]cluster.Revision{"shop": {{Project: "shop", Number: 1, Kind: cluster.RevisionApply}}},
		Claims:     map[string][]cluster.Claim{"shop": {{Kind: cluster.ClaimComponent, Key: "shop_web", Owner: "shop"}}},
		Deliveries: map[string][]cluster.Delivery{"git": {{Source: "git", ID: "1", Time: started.Add(-time.Hour), Status: 202}}},
	}, asOf)
	deps := w.server.deps
	deps.Recent = &keptRecent{recent: kept, asOf: asOf}
	deps.Away = func() *Away { return &Away{Since: started, AsOf: started, FromDisk: restored} }
	deps.History = &pasts{}
	deps.Refused = func(string) []cluster.Delivery {
		return []cluster.Delivery{{Source: "git", ID: "2", Time: started, Status: 401}}
	}
	deps.Probe = &fakeProbe{}
	w.snap.Restored = restored
	w.commit(cluster.ChangeSet{Sources: map[string]*cluster.SourceRow{
		"git":   {Spec: &cluster.Source{Name: "git", Dir: "/srv"}, Secrets: []string{"webhook_secret"}},
		"bare":  {Spec: &cluster.Source{Name: "bare", Dir: "/srv"}, Withheld: []string{"variables"}},
		"token": {Spec: &cluster.Source{Name: "token", Dir: "/srv"}, Secrets: []string{"token"}},
	}})
	w.snap.Restored = restored
	w.server = NewServer(deps)
	client, _, _ = w.port()
	var last Away
	client.OnAway(func(a Away) { last = a })
	return w, client, func() Away { return last }
}

// What the database alone has is answered from what the node keeps of it, with
// its own age, and says where it is cut.
func TestAnswersFromWhatIsKept(t *testing.T) {
	_, client, told := awayShop(t, false)
	ctx := t.Context()
	for what, test := range map[string]struct {
		ask func() (int, error)
		n   int
		cut bool
	}{
		"events": {func() (int, error) { a, err := client.ListEvents(ctx, ListEventsRequest{}); return len(a.Events), err }, 2, true},
		"one event": {func() (int, error) {
			a, err := client.ListEvents(ctx, ListEventsRequest{Limit: 1})
			return len(a.Events), err
		}, 1, false},
		"history": {func() (int, error) {
			a, err := client.History(ctx, HistoryRequest{Name: "shop"})
			return len(a.Revisions), err
		}, 1, false},
		"claims":       {func() (int, error) { a, err := client.ExportClaims(ctx); return len(a.Claims), err }, 1, false},
		"all projects": {func() (int, error) { a, err := client.Export(ctx, ExportRequest{}); return len(a.Claims), err }, 1, false},
		"deliveries": {func() (int, error) {
			a, err := client.Deliveries(ctx, DeliveriesRequest{Name: "git"})
			return len(a.Deliveries), err
		}, 2, false},
		"one delivery": {func() (int, error) {
			a, err := client.Deliveries(ctx, DeliveriesRequest{Name: "git", Limit: 1})
			return a.Deliveries[0].Status - 400, err
		}, 1, false},
		"of a source": {func() (int, error) { a, err := client.GetSource(ctx, "git"); return len(a.Events), err }, 1, true},
		"of a project": {func() (int, error) {
			a, err := client.GetProject(ctx, GetProjectRequest{Name: "shop"})
			return len(a.Revisions) + len(a.Events), err
		}, 2, true},
		"this revision": {func() (int, error) {
			a, err := client.Revision(ctx, RevisionRequest{Name: "shop", Number: 1})
			return strings.Count("\n"+a.Content.Text, "\nname: shop\n"), err
		}, 1, false},
	} {
		n, err := test.ask()
		if a := told(); err != nil || n != test.n || a.Cut != test.cut || !a.AsOf.Equal(started.Add(-time.Minute)) {
			t.Errorf("%s: %d, %v; %+v", what, n, err, a)
		}
	}
	if _, err := client.ListComponents(ctx, ListComponentsRequest{}); err != nil || told().Cut || !told().AsOf.Equal(started) {
		t.Errorf("of the snapshot alone: %+v, %v", told(), err)
	}
	for what, err := range map[string]error{
		"history of what is not stored": func() error { _, err := client.History(ctx, HistoryRequest{Name: "gone"}); return err }(),
		"content of another revision":   func() error { _, err := client.Revision(ctx, RevisionRequest{Name: "shop", Number: 7}); return err }(),
	} {
		if kindOfError(err) != KindUnavailable || !strings.Contains(err.Error(), "ask again when it is back") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Who follows events has those that are kept first, and hears what they lack.
func TestEventsThatAreKeptAreFollowed(t *testing.T) {
	_, client, told := awayShop(t, true)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := client.FollowEvents(ctx, ListEventsRequest{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for id := range int64(2) {
		if e, err := stream.Next(); err != nil || e.ID != id+1 {
			t.Fatalf("%+v, %v", e, err)
		}
	}
	if a := told(); !a.Cut || !a.AsOf.Equal(started.Add(-time.Minute)) {
		t.Errorf("%+v", a)
	}
}

// A source is tried as long as all that it takes is here.
func TestSourcesAreTriedWithoutTheDatabase(t *testing.T) {
	for _, restored := range []bool{false, true} {
		_, client, _ := awayShop(t, restored)
		for source, kind := range map[string]Kind{"git": "", "token": KindUnavailable} {
			if _, err := client.TestSource(t.Context(), TestSourceRequest{Name: source}); kindOfError(err) != kind {
				t.Errorf("%s, from disk %t: %v", source, restored, err)
			}
		}
	}
	_, client, _ := awayShop(t, true)
	if _, err := client.TestSource(t.Context(), TestSourceRequest{Name: "bare"}); kindOfError(err) != KindUnavailable || !strings.Contains(err.Error(), "lacks variables") {
		t.Errorf("what the copy lacks: %v", err)
	}
}

// turning are Declarations during whose first comparison the database comes, or
// goes. Each says what it was asked to compare.
type turning struct {
	Declarations
	turn  func()
	asked []string // values of the environment
}

func (d *turning) Diff(_ context.Context, in Declaration) (DiffAnswer, error) {
	for _, c := range in.Project.Components {
		for _, v := range c.Environment {
			d.asked = append(d.asked, v.Value)
		}
	}
	if turn := d.turn; turn != nil {
		d.turn = nil
		turn()
	}
	return DiffAnswer{Changes: project.Diff(in.Project, in.Project, in.Positions)}, nil
}

// A project without its secrets is compared with the copy that has none, and
// with nothing else.
func TestComparedAsTheDatabaseComesAndGoes(t *testing.T) {
	files := ProjectFiles{Base: SourceFile{
		Path: "shop/maelstrom.yml", Data: []byte("name: shop\ncomponents: {web: {image: web, environment: [A=hush]}}\n"),
	}}
	for what, test := range map[string]struct {
		before, after bool // the database is away
		want          []string
	}{
		"away":    {true, true, []string{""}},
		"there":   {false, false, []string{"hush"}},
		"comes":   {true, false, []string{"", "hush"}},
		"is lost": {false, true, []string{"hush", ""}},
	} {
		w, client, _ := awayShop(t, true)
		var gone atomic.Bool
		gone.Store(test.before)
		w.server.deps.Away = func() *Away {
			if gone.Load() {
				return &Away{Since: started, AsOf: started, FromDisk: true}
			}
			return nil
		}
		d := &turning{turn: func() { gone.Store(test.after) }}
		w.server.deps.Declarations = d
		answer, err := client.DiffProject(t.Context(), DiffRequest{ProjectFiles: files})
		noted := slices.Contains(answer.Changes.Notes, notCompared)
		if err != nil || !slices.Equal(d.asked, test.want) || noted != test.after {
			t.Errorf("%s: compared %q, noted %t, %v", what, d.asked, noted, err)
		}
	}
}

// While nothing is kept, what is in the database alone is refused.
func TestNothingIsKeptYet(t *testing.T) {
	w, client, _ := awayShop(t, false)
	w.server.deps.Recent = &keptRecent{recent: &cluster.Recent{}}
	if _, err := client.ListEvents(t.Context(), ListEventsRequest{}); kindOfError(err) != KindUnavailable {
		t.Errorf("%v", err)
	}
	if _, err := client.FollowEvents(t.Context(), ListEventsRequest{}); err != nil {
		t.Errorf("followed: %v", err)
	}
}
