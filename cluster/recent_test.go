package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pastDatabase is a fakeDatabase that also tells what is recent: an event for
// each number that is committed.
type pastDatabase struct {
	*fakeDatabase
	mu    sync.Mutex
	reads []int64 // since when
	fails bool    // each such read, and no other
}

func (d *pastDatabase) Recent(ctx context.Context, since int64) (RecentSet, error) {
	d.mu.Lock()
	d.reads = append(d.reads, since)
	fails := d.fails
	d.mu.Unlock()
	if fails {
		return RecentSet{}, errAway
	}
	number, err := d.ChangeNumber(ctx)
	set := RecentSet{Number: number, Full: since == 0}
	for n := since + 1; n <= number; n++ {
		set.Events = append(set.Events, Event{ID: n * EventsPerChange, Kind: EventCrash, Message: "hush", Project: "p"})
	}
	set.Revisions = map[string][]Revision{"p": {{Project: "p", Number: number, Digest: "hush"}}}
	set.Deliveries = map[string][]Delivery{"git": {{Source: "git", ID: "1"}}}
	set.Claims = map[string][]Claim{"p": {{Kind: ClaimRoute, Key: "b", Owner: "p"}, {Kind: ClaimComponent, Key: "p_c", Owner: "p"}}}
	return set, err
}

func (d *pastDatabase) fail(fails bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails = fails
}

func (d *pastDatabase) taken() []int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.reads)
}

// runRecent runs both feeds for the rest of the test, or until stop is called.
func runRecent(t *testing.T, d *pastDatabase, path string) (r *RecentFeed, stop func()) {
	t.Helper()
	f, stopFeed := runFeed(t, d, FeedOptions{})
	r = NewRecentFeed(d, f, FeedOptions{CopyPath: path})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.Run(ctx) }() // ends with ctx
	stop = sync.OnceFunc(func() { cancel(); <-done; stopFeed() })
	t.Cleanup(stop)
	return r, stop
}

// It is read where something has changed, a burst at once, and else never; and
// the copy on disk has it, without what may be secret.
func TestRecentIsReadWithChangesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &pastDatabase{fakeDatabase: &fakeDatabase{}}
		d.commit(ChangeSet{})
		path := filepath.Join(t.TempDir(), "recent.json")
		f, stop := runRecent(t, d, path)
		wait(time.Hour)
		if reads := d.taken(); !slices.Equal(reads, []int64{0}) || f.Recent().Number != 1 {
			t.Fatalf("idle: read since %v, now at %d", reads, f.Recent().Number)
		}
		if age := time.Since(f.AsOf()); age > time.Minute {
			t.Errorf("what is as the database is, is %v old", age)
		}
		idle, err := os.Stat(path)
		if err != nil || idle.Mode().Perm() != 0o600 {
			t.Fatalf("%v, %v", idle, err)
		}
		for range 30 { // as many as fit into three seconds
			d.commit(ChangeSet{})
			wait(100 * time.Millisecond)
		}
		wait(2 * time.Second)
		if reads := d.taken(); len(reads) > 5 || f.Recent().Number != 31 || len(f.Recent().Events) != 31 {
			t.Errorf("a burst: read since %v, now at %d", reads, f.Recent().Number)
		}
		d.set(func() { d.away = true })
		wait(10 * time.Second)
		gone := f.AsOf()
		checkRecentCopy(t, path, 31)
		stop()

		f, stop = runRecent(t, d, path)
		wait(time.Minute)
		r := f.Recent()
		if !r.Restored || r.Number != 31 || len(r.Events) != 31 || f.AsOf().After(gone) || gone.Sub(f.AsOf()) > 3*time.Second {
			t.Errorf("from disk: %d events at %d, as of %v; it was gone at %v", len(r.Events), r.Number, f.AsOf(), gone)
		}
		if claims := r.AllClaims(); len(claims) != 2 || claims[0].Key != "p_c" || r.Deliveries.Len() != 1 {
			t.Errorf("claims %+v", claims)
		}
		d.set(func() { d.away = false })
		wait(5 * time.Second)
		reads := d.taken()
		if r := f.Recent(); r.Restored || reads[len(reads)-1] != 0 || r.Events[0].Message != "hush" {
			t.Errorf("the copy still counts: read since %v", reads)
		}
		stop()
	})
}

// A number that the feed has read and this could not is read once that is
// possible again, though the feed has nothing more to tell by then; and nothing
// is read while the database is away.
func TestRecentIsReadAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &pastDatabase{fakeDatabase: &fakeDatabase{}}
		d.commit(ChangeSet{})
		f, _ := runRecent(t, d, "")
		wait(5 * time.Second)
		d.fail(true)
		d.commit(ChangeSet{})
		wait(5 * time.Second)
		if f.feed.Snapshot().Number != 2 || f.Recent().Number != 1 {
			t.Fatalf("the feed is at %d, this at %d", f.feed.Snapshot().Number, f.Recent().Number)
		}
		d.set(func() { d.away = true })
		wait(2 * feedPoll)
		before := len(d.taken())
		wait(20 * time.Second)
		if reads := d.taken(); len(reads) != before {
			t.Errorf("read %d times while the database was away", len(reads)-before)
		}
		d.fail(false)
		d.set(func() { d.away = false })
		wait(5 * time.Second)
		if r := f.Recent(); r.Number != 2 || len(r.Events) != 2 {
			t.Errorf("back for some time: at %d with %d events", r.Number, len(r.Events))
		}
		before = len(d.taken())
		wait(time.Hour)
		if reads := d.taken(); len(reads) != before {
			t.Errorf("read %d times while idle", len(reads)-before)
		}
	})
}

func checkRecentCopy(t *testing.T, path string, number int64) {
	t.Helper()
	var disk recentDisk
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &disk)
	}
	if err != nil || bytes.Contains(data, []byte("hush")) || disk.Number != number || len(disk.Events) != int(number) {
		t.Errorf("the copy, at %d: %s, %v", disk.Number, data, err)
	}
}

// quoting are the kinds of events that may quote what a container, a file, a
// command or another server says.
var quoting = []EventKind{
	EventLooked, EventFailed, EventReminder, EventRolledBack, EventHistoryRewritten, EventStale, EventCrash, EventRelease,
	EventRollout, EventUndelivered, EventImage, EventAlertOpened, EventAlertClosed,
}

// Each kind of events is known to be fit for the disk, or not to be; one that is
// not known is not.
func TestRecentCopyHasNoTextsThatMayQuote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "recent.json")
	for _, name := range append(constants(t, "event.go", "EventKind"), "of tomorrow") {
		kind := EventKind(name)
		fit, unfit := slices.Contains(plain, kind), slices.Contains(quoting, kind)
		if fit == unfit && name != "of tomorrow" {
			t.Errorf("%s: may it be on disk (%t), or not (%t)?", kind, fit, unfit)
		}
		r := &Recent{Number: 1, Events: []Event{{Kind: kind, Project: "p", Message: "hush", Details: json.RawMessage(`{"cause":"hush"}`)}}}
		if err := saveRecent(path, r, time.Now()); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil || bytes.Contains(data, []byte("hush")) != fit || !bytes.Contains(data, []byte(`"project":"p"`)) {
			t.Errorf("%s: %s, %v", kind, data, err)
		}
		if r.Events[0].Message != "hush" {
			t.Errorf("%s: what is in memory lacks it too", kind)
		}
	}
}

// A project that went back by itself did so for a failure.
func TestRecentCopyHasNoReasonsOfRollbacks(t *testing.T) {
	kept := publicRevisions([]Revision{{Kind: RevisionRollback, Reason: "hush"}, {Kind: RevisionRollback}, {Kind: RevisionApply, Reason: "typed"}})
	if kept[0].Reason != notOnDisk || kept[1].Reason != "" || kept[2].Reason != "typed" {
		t.Errorf("%+v", kept)
	}
}

// A copy that can't be used is as good as none.
func TestRecentCopyThatIsBroken(t *testing.T) {
	for _, text := range []string{"", "{", `{"format": 99}`} {
		path := filepath.Join(t.TempDir(), "recent.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := loadRecent(path); r != nil || err == nil {
			t.Errorf("%q: %+v, %v", text, r, err)
		}
	}
}

// Another database with a lower number is read as a whole.
func TestRecentOfAnotherDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &pastDatabase{fakeDatabase: &fakeDatabase{}}
		for range 5 {
			d.commit(ChangeSet{})
		}
		f, _ := runRecent(t, d, "")
		wait(5 * time.Second)
		d.set(func() { d.log = d.log[:2] })
		wait(10 * time.Second)
		if f.Recent().Number != 2 {
			t.Errorf("at %d after a restore of number 2", f.Recent().Number)
		}
	})
}

// However projects come, there are no more revisions than RecentRevisions, and
// those that stay are the newest.
func TestRecentRevisionsAreBoundedAsProjectsCome(t *testing.T) {
	step := func(from, to, each int) RecentSet {
		set := RecentSet{Revisions: map[string][]Revision{}}
		for p := from; p < to; p++ {
			for n := each; n > 0; n-- {
				name := fmt.Sprint("p", p)
				set.Revisions[name] = append(set.Revisions[name], Revision{Project: name, Number: int64(n)})
			}
		}
		return set
	}
	r := &Recent{}
	for _, c := range []struct{ projects, each, all int }{
		{2_000, RecentOfProject, RecentRevisions},
		{2_001, 1, 4*2_000 + 1}, // the newest four of each
		{RecentRevisions, 1, RecentRevisions},
		{RecentRevisions + 1, 1, RecentRevisions + 1}, // of each at least the newest
	} {
		r = r.With(step(r.Revisions.Len(), c.projects, c.each), time.Time{})
		all := 0
		for project, list := range r.Revisions.All() {
			all += len(list)
			if list[0].Number != int64(RecentOfProject) && list[0].Number != 1 || list[0].Project != project {
				t.Fatalf("%s: %+v", project, list)
			}
		}
		if all != c.all || r.Revisions.Len() != c.projects {
			t.Errorf("%d projects have %d revisions, want %d of %d", r.Revisions.Len(), all, c.all, c.projects)
		}
	}
	if list, cut := r.Newest("p7", RecentOfProject); len(list) != 1 || list[0].Number != RecentOfProject || !cut {
		t.Errorf("of the first: %+v, cut %t", list, cut)
	}
}

// A selection is the database's, and tells where that may have more.
func TestSelectOfRecentEvents(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	var events []Event
	for n := range 10 {
		kind := []EventKind{EventWake, EventSleep}[n%2]
		events = append(events, Event{ID: int64(n + 1), Time: start.Add(time.Duration(n) * time.Second), Kind: kind, Source: "s", Project: "p", Component: "c", Node: "n"})
	}
	for _, c := range []struct {
		q    EventQuery
		want string
		cut  bool // of a list that is cut
	}{
		{EventQuery{}, "[1 2 3 4 5 6 7 8 9 10]", true},
		{EventQuery{Limit: 10}, "[1 2 3 4 5 6 7 8 9 10]", false},
		{EventQuery{Limit: 3}, "[8 9 10]", false},
		{EventQuery{Limit: 3, Kinds: []EventKind{EventWake}}, "[5 7 9]", false},
		{EventQuery{Limit: 8, Kinds: []EventKind{EventWake}}, "[1 3 5 7 9]", true},
		{EventQuery{Since: start.Add(8 * time.Second)}, "[9 10]", false},
		{EventQuery{Since: start}, "[1 2 3 4 5 6 7 8 9 10]", false},
		{EventQuery{Since: start.Add(-time.Second), Node: "n"}, "[1 2 3 4 5 6 7 8 9 10]", true},
		{EventQuery{After: 4, Limit: 2}, "[5 6]", false},
		{EventQuery{After: 10}, "[]", false},
		{EventQuery{Source: "other"}, "[]", true},
		{EventQuery{Source: "s", Project: "p", Component: "c", Node: "n", Limit: 1}, "[10]", false},
	} {
		for _, cut := range []bool{false, true} {
			found, told := (&Recent{Events: events, Cut: cut}).Select(c.q)
			ids := []int64{}
			for _, e := range found {
				ids = append(ids, e.ID)
			}
			if fmt.Sprint(ids) != c.want || told != (cut && c.cut) {
				t.Errorf("%+v of a list that is cut (%t): %v, cut %t", c.q, cut, ids, told)
			}
		}
	}
}
