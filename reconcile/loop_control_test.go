package reconcile

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

func one(image string) map[string]string {
	return map[string]string{"maelstrom.yml": yml("shop", image, "web"), "b.maelstrom.yml": yml("blog", image, "web")}
}

func TestSuspensionOfASourceEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{}, one("web:1"))
		until := time.Now().Add(2 * time.Hour)
		w.control(cluster.ControlSource, "main", func(c *cluster.Control) {
			c.Suspended = &cluster.Suspension{Reason: "release", Actor: "ann", Since: time.Now(), Until: until}
		})
		wait(3 * time.Second)
		is(t, w.source("main").Conditions, cluster.ConditionSuspended, cluster.StatusTrue, cluster.ReasonByUser)
		is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
		repo.push(one("web:2"))
		before, _ := repo.counts()
		w.noWrites("suspended", func() { wait(time.Hour) })
		if after, _ := repo.counts(); after != before {
			t.Errorf("%d queries while suspended", after-before)
		}
		wait(time.Hour + time.Second)
		if w.image("shop_web") != "web:2" || len(w.events(cluster.EventResumed)) != 1 {
			t.Errorf("image %s, events %q", w.image("shop_web"), w.events(cluster.EventResumed))
		}
		is(t, w.source("main").Conditions, cluster.ConditionSuspended, cluster.StatusFalse, cluster.ReasonByUser)
		if _, left := w.snap().Controls.Get(cluster.ControlKey(cluster.ControlSource, "main")); left {
			t.Error("the suspension is still stored")
		}
	})
}

func TestSuspendedProjectWaitsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{}, one("web:1"))
		w.control(cluster.ControlProject, "shop", func(c *cluster.Control) {
			c.Suspended = &cluster.Suspension{Reason: "release", Actor: "ann", Until: time.Now().Add(time.Hour)}
		})
		repo.push(one("web:2"))
		tick()
		if w.image("shop_web") != "web:1" || w.image("blog_web") != "web:2" {
			t.Errorf("images %s, %s", w.image("shop_web"), w.image("blog_web"))
		}
		is(t, w.status("main", "maelstrom.yml").Conditions, cluster.ConditionSuspended, cluster.StatusTrue, cluster.ReasonByUser)
		if got := w.source("main").Failing; got != 0 {
			t.Errorf("%d failing", got)
		}
		w.noWrites("suspended", func() { wait(30 * time.Minute) })
		wait(31 * time.Minute)
		if w.image("shop_web") != "web:2" {
			t.Errorf("expired: %s", w.image("shop_web"))
		}
		if got := w.events(cluster.EventDrift); len(got) > 0 {
			t.Errorf("told %q", got)
		}
		repo.push(map[string]string{"maelstrom.yml": ""})
		w.control(cluster.ControlProject, "shop", func(c *cluster.Control) { c.Suspended = &cluster.Suspension{Reason: "keep", Actor: "ann"} })
		tick()
		if w.image("shop_web") == "" {
			t.Error("a suspended project was removed")
		}
	})
}

// rollback is what a user's rollback stores.
func (w *world) rollback(image string, pin bool) {
	w.t.Helper()
	s := w.status("main", "maelstrom.yml")
	row := controlOf(w.snap(), cluster.ControlProject, "shop")
	if pin {
		row.Control.Pinned = &cluster.Pin{Revision: 1, Actor: "ann", Reason: "bad"}
	} else {
		row.Control.Skipped = &cluster.Skip{Digest: s.Digest, SourceRevision: s.LastGood, Actor: "ann"}
	}
	w.byHand(image, "main", &row)
}

// byHand changes the stored shop beside its source.
func (w *world) byHand(image, source string, control *cluster.ControlRow) {
	w.t.Helper()
	req := Request{Project: memTree{"x": yml("shop", image, "web")}.load(w.t), Source: source, Prune: true}
	a := Applier{Store: w.db.Store}
	_, err := a.apply(w.t.Context(), cluster.ApplyRequest{Desired: req.Project, Source: source, Actor: "ann", Control: control},
		func(state cluster.ProjectState) (Plan, error) { return NewPlan(state, req) })
	must(w.t, err)
}

func TestRollbackIsSkippedUntilTheProjectChangesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n, repo := begun(t, cluster.Source{}, one("web:1"))
		repo.push(one("web:2"))
		tick()
		w.rollback("web:1", false)
		tick()
		s := w.status("main", "maelstrom.yml")
		is(t, s.Conditions, cluster.ConditionSynced, cluster.StatusFalse, cluster.ReasonSkipped)
		if w.image("shop_web") != "web:1" || w.source("main").Failing != 0 {
			t.Fatalf("image %s", w.image("shop_web"))
		}
		w.noWrites("skipped", func() { wait(20 * time.Minute) })
		// Other commits, a broken file and a restart don't end it.
		repo.push(map[string]string{"b.maelstrom.yml": yml("blog", "web:3", "web")})
		tick()
		repo.push(map[string]string{"maelstrom.yml": "name: ["})
		tick()
		// A lasting failure is told again after six hours, not before.
		w.noWrites("broken", func() { wait(5 * time.Hour) })
		wait(2 * time.Hour)
		if got := w.events(cluster.EventReminder); len(got) != 1 || !strings.HasPrefix(got[0], "reminder shop: shop is still not synced") {
			t.Errorf("reminders %q", got)
		}
		n.stop()
		w.start("a", true, ReconcilerOptions{})
		repo.push(map[string]string{"maelstrom.yml": yml("shop", "web:2", "web")})
		tick()
		if w.image("shop_web") != "web:1" || w.image("blog_web") != "web:3" {
			t.Fatalf("images %s %s", w.image("shop_web"), w.image("blog_web"))
		}
		// The next change of the project does.
		repo.push(map[string]string{"maelstrom.yml": yml("shop", "web:4", "web")})
		tick()
		if w.image("shop_web") != "web:4" {
			t.Errorf("image %s", w.image("shop_web"))
		}
		if _, left := w.snap().Controls.Get(cluster.ControlKey(cluster.ControlProject, "shop")); left {
			t.Error("the skip is still stored")
		}
		if got := w.events(cluster.EventDrift); len(got) > 0 {
			t.Errorf("told %q", got)
		}
	})
}

func TestPinStaysUntilResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{}, one("web:1"))
		w.rollback("web:0", true)
		tick()
		is(t, w.status("main", "maelstrom.yml").Conditions, cluster.ConditionPinned, cluster.StatusTrue, cluster.ReasonByUser)
		repo.push(one("web:2"))
		tick()
		if w.image("shop_web") != "web:0" || w.image("blog_web") != "web:2" {
			t.Fatalf("images %s %s", w.image("shop_web"), w.image("blog_web"))
		}
		w.control(cluster.ControlProject, "shop", func(c *cluster.Control) { c.Pinned = nil })
		wait(3 * time.Second)
		if w.image("shop_web") != "web:2" {
			t.Errorf("resumed: %s", w.image("shop_web"))
		}
		is(t, w.status("main", "maelstrom.yml").Conditions, cluster.ConditionPinned, cluster.StatusFalse, cluster.ReasonByUser)
		if got := w.events(cluster.EventDrift); len(got) > 0 {
			t.Errorf("told %q", got)
		}
	})
}

func TestDriftIsAppliedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, _ := begun(t, cluster.Source{}, one("web:1"))
		w.byHand("hand:1", "main", nil)
		wait(3 * time.Second)
		if w.image("shop_web") != "web:1" {
			t.Errorf("image %s", w.image("shop_web"))
		}
		if got := w.events(cluster.EventDrift); len(got) != 1 || !strings.HasPrefix(got[0], "drift shop: ") {
			t.Errorf("events %q", got)
		}
		w.noWrites("settled", func() { wait(10 * time.Minute) })
		// Removed by hand is drift too.
		if _, err := (&Applier{Store: w.db.Store}).Remove(t.Context(), Removal{Name: "shop", Source: "main"}); err != nil {
			t.Fatal(err)
		}
		wait(3 * time.Second)
		if w.image("shop_web") != "web:1" {
			t.Error("not restored")
		}
		// Handed to nobody, it is left alone; handed back, it is kept again.
		w.adopt("hand:2", "")
		tick()
		is(t, w.status("main", "maelstrom.yml").Conditions, cluster.ConditionStalled, cluster.StatusTrue, cluster.ReasonNotOwner)
		if w.image("shop_web") != "hand:2" {
			t.Fatalf("image %s", w.image("shop_web"))
		}
		w.adopt("hand:3", "main")
		wait(3 * time.Second)
		if w.image("shop_web") != "web:1" {
			t.Errorf("adopted: %s", w.image("shop_web"))
		}
	})
}

// adopt applies the shop by hand and hands it to a source, or to nobody.
func (w *world) adopt(image, source string) {
	w.t.Helper()
	_, err := (&Applier{Store: w.db.Store}).Apply(w.t.Context(), Request{
		Project: memTree{"x": yml("shop", image, "web")}.load(w.t), Source: source, TakeOver: true, Prune: true, Actor: "ann",
	})
	must(w.t, err)
}

func TestSyncOfARevisionOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{IntervalSeconds: 600}, one("web:1"))
		first := repo.head
		repo.push(one("web:2"))
		wait(15 * time.Minute)
		w.sync("main", first)
		wait(3 * time.Second)
		source := w.source("main")
		if w.image("shop_web") != "web:1" || source.Sync != 1 || source.Revision != first {
			t.Errorf("image %s, %+v", w.image("shop_web"), source)
		}
		wait(15 * time.Minute)
		if w.image("shop_web") != "web:2" {
			t.Errorf("the next look: %s", w.image("shop_web"))
		}
		// Who mistypes it is told, and nobody else suffers: the latest is looked at.
		repo.push(one("web:3"))
		w.sync("main", "nothing")
		wait(3 * time.Second)
		source = w.source("main")
		is(t, source.Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
		if source.Sync != 2 || !strings.Contains(source.SyncError, "there is no commit nothing") || w.image("shop_web") != "web:3" {
			t.Errorf("image %s, %+v", w.image("shop_web"), source)
		}
		w.sync("main", "nothing")
		wait(3 * time.Second)
		if source = w.source("main"); source.Sync != 3 || source.SyncError == "" {
			t.Errorf("with nothing new: %+v", source)
		}
		if got := w.events(cluster.EventFailed); len(got) > 0 {
			t.Errorf("told %q", got)
		}
		w.sync("main", "")
		wait(3 * time.Second)
		if source = w.source("main"); source.Sync != 4 || source.SyncError != "" {
			t.Errorf("a good one: %+v", source)
		}
	})
}

// A file of a directory that is read while it is written is not told as broken.
func TestHalfWrittenFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{Dir: "/srv/projects"}, one("web:1"))
		half := yml("shop", "web:2", "web")[:60] + "\n\t["
		repo.push(map[string]string{"maelstrom.yml": half, "b.maelstrom.yml": yml("blog", "web:2", "web")})
		repo.hint <- struct{}{}
		wait(500 * time.Millisecond)
		w.sync("main", "")
		wait(1200 * time.Millisecond)
		is(t, w.status("main", "maelstrom.yml").Conditions, cluster.ConditionSynced, cluster.StatusTrue, cluster.ReasonApplied)
		if got := w.source("main").Sync; got != 0 {
			t.Errorf("request %d is served by half a file", got)
		}
		if w.image("blog_web") != "web:2" {
			t.Error("the others wait too")
		}
		repo.push(one("web:2"))
		wait(3 * time.Second)
		if w.image("shop_web") != "web:2" || w.source("main").Sync != 1 || len(w.events(cluster.EventFailed)) > 0 {
			t.Errorf("image %s, %+v, %q", w.image("shop_web"), w.source("main"), w.events(cluster.EventFailed))
		}
		repo.push(map[string]string{"maelstrom.yml": half})
		repo.hint <- struct{}{}
		wait(4 * time.Second)
		is(t, w.status("main", "maelstrom.yml").Conditions, cluster.ConditionSynced, cluster.StatusFalse, cluster.ReasonParseError)
	})
}

// A request that waits for the end of a suspension makes nobody look meanwhile.
func TestPendingRequestOfASuspendedSourceWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n, repo := begun(t, cluster.Source{}, one("web:1"))
		w.control(cluster.ControlSource, "main", func(c *cluster.Control) {
			c.Suspended = &cluster.Suspension{Reason: "release", Actor: "ann"}
		})
		wait(3 * time.Second)
		w.sync("main", "")
		wait(3 * time.Second)
		before := n.Stats()[0].Looks
		for i := range 5 {
			w.declare(cluster.Source{Name: "other", IntervalSeconds: 1000 + i})
			wait(3 * time.Second)
		}
		for _, s := range n.Stats() {
			if s.Source == "main" && s.Looks != before {
				t.Errorf("%d looks while suspended", s.Looks-before)
			}
		}
		repo.push(one("web:2"))
		w.control(cluster.ControlSource, "main", func(c *cluster.Control) { c.Suspended = nil })
		wait(3 * time.Second)
		if w.source("main").Sync != 1 || w.image("shop_web") != "web:2" {
			t.Errorf("resumed: %+v", w.source("main"))
		}
	})
}

// A webhook that is called while a commit is asked for is not forgotten.
func TestWebhookBesideASyncOfARevision(t *testing.T) {
	for name, call := range map[string]func(*world, *node) error{
		"at the holder":   func(w *world, n *node) error { return n.Poke(w.t.Context(), "main") },
		"at another node": func(w *world, n *node) error { return n.ask(w.t.Context(), "main") },
		"at both, and again": func(w *world, n *node) error {
			return errors.Join(n.ask(w.t.Context(), "main"), n.Poke(w.t.Context(), "main"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, n, repo := begun(t, cluster.Source{IntervalSeconds: 3600}, one("web:1"))
				first := repo.head
				repo.set(func() { repo.fetchErr = errors.New("connection reset") })
				w.sync("main", first)
				wait(500 * time.Millisecond)
				repo.push(one("web:2"))
				w.snap()
				must(t, call(w, n))
				repo.set(func() { repo.fetchErr = nil })
				wait(5 * time.Second)
				if s := w.source("main"); w.image("shop_web") != "web:2" || s.Sync != 1 || s.Revision == first {
					t.Errorf("image %s, %+v", w.image("shop_web"), s)
				}
			})
		})
	}
}

// A reminder that could not be stored is told as soon as it can be.
func TestReminderIsToldOnceItIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{}, one("web:1"))
		repo.set(func() {
			repo.err = &OriginError{Reason: cluster.ReasonRefNotFound, Permanent: true, Err: errors.New("there is no branch main")}
		})
		tick()
		wait(5 * time.Hour)
		w.db.failWith(func(call string, _ int) error {
			if call == "WriteSourceStatus" {
				return errTorn
			}
			return nil
		})
		wait(2 * time.Hour)
		w.db.failWith(nil)
		wait(10 * time.Minute)
		if got := w.events(cluster.EventReminder); len(got) != 1 {
			t.Errorf("told %q", got)
		}
	})
}
