package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// refusing is a store that takes nothing of one project.
type refusing struct {
	*faulty
	project string
	err     error
}

func (r *refusing) ApplyProject(ctx context.Context, req cluster.ApplyRequest) (cluster.ApplyResult, error) {
	if req.Desired.Name == r.project {
		return cluster.ApplyResult{}, r.err
	}
	return r.faulty.ApplyProject(ctx, req)
}

// What the database takes nothing of stops nothing else, and is told.
func TestProjectThatTheDatabaseRefusesIsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		repo := w.declare(cluster.Source{Name: "main"})
		repo.push(mono(5))
		r := &refusing{faulty: w.db, project: "p001", err: errors.New("value 12 is too long")}
		n := w.startWith("a", true, ReconcilerOptions{}, r)
		wait(2 * time.Second)
		if got := fmt.Sprint(w.projects()); got != "[p000 p002 p003 p004]" {
			t.Fatalf("projects %s", got)
		}
		path := "p001/maelstrom.yml"
		s := w.status("main", path)
		is(t, s.Conditions, cluster.ConditionSynced, cluster.StatusUnknown, cluster.ReasonDatabaseError)
		is(t, s.Conditions, cluster.ConditionReconciling, cluster.StatusTrue, cluster.ReasonDatabaseError)
		if c, _ := conditionOf(s.Conditions, cluster.ConditionReconciling); !strings.Contains(c.Message, "value 12 is too long") {
			t.Errorf("message %q", c.Message)
		}
		is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusFalse, cluster.ReasonProjectsFailing)
		if got := w.events(cluster.EventFailed); len(got) > 0 {
			t.Errorf("told at once: %q", got)
		}
		// It goes on, at its pace, and tells after three intervals, once.
		head := repo.push(map[string]string{"p003/maelstrom.yml": yml("p003", "app:2", "web"), "p004/maelstrom.yml": ""})
		wait(4 * time.Minute)
		if w.image("p003_web") != "app:2" || w.image("p004_web") != "" || w.source("main").Revision != head {
			t.Errorf("images %q, %q, %+v", w.image("p003_web"), w.image("p004_web"), w.source("main"))
		}
		failed := w.events(cluster.EventFailed)
		if len(failed) != 1 || !strings.HasPrefix(failed[0], "failed p001: p001 is not synced since ") || !strings.Contains(failed[0], "too long") {
			t.Errorf("told %q", failed)
		}
		r.err = errors.New("value 13 is too long")
		w.noWrites("refused again and again", func() { wait(30 * time.Minute) })
		n.stop()
		w.startWith("a", true, ReconcilerOptions{}, w.db)
		wait(2 * time.Second)
		if w.image("p001_web") != "app:1" || len(w.events(cluster.EventRecovered)) == 0 {
			t.Errorf("image %q, %q", w.image("p001_web"), w.events(cluster.EventRecovered))
		}
		is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
	})
}

// A project whose successor the database refuses stays; one that it does not
// let go holds nothing up.
func TestRefusedSuccessorsAndRemovals(t *testing.T) {
	for _, refused := range []string{"fresh", "p001"} {
		t.Run(refused, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				repo := w.declare(cluster.Source{Name: "main"})
				repo.push(mono(10))
				n := w.start("a", true, ReconcilerOptions{})
				wait(2 * time.Second)
				n.stop()
				w.startWith("a", true, ReconcilerOptions{}, &refusing{faulty: w.db, project: refused, err: errTorn})
				repo.push(map[string]string{"p001/maelstrom.yml": yml("fresh", "app:2", "web"), "p002/maelstrom.yml": ""})
				tick()
				if w.image("p001_web") != "app:1" || (w.image("fresh_web") == "") != (refused == "fresh") || w.image("p002_web") != "" {
					t.Errorf("images %q, %q, %q", w.image("p001_web"), w.image("fresh_web"), w.image("p002_web"))
				}
			})
		})
	}
}

// A database that is away ends the look with the first project.
func TestLookEndsWhereTheDatabaseIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n, repo := begun(t, cluster.Source{}, mono(5))
		tries := 0
		w.db.failWith(func(call string, _ int) error {
			if call != "ApplyProject" {
				return nil
			}
			tries++
			w.db.away.Store(true)
			return errTorn
		})
		repo.push(map[string]string{"p000/maelstrom.yml": yml("p000", "app:2", "web"), "p001/maelstrom.yml": yml("p001", "app:2", "web")})
		must(t, n.Poke(t.Context(), "main"))
		wait(500 * time.Millisecond)
		if tries != 1 {
			t.Errorf("%d tries", tries)
		}
		w.db.failWith(nil)
		tick()
		is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
	})
}

// A look that did not come to an end is made again.
func TestLookThatWroteToTheLastIsNotWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n, repo := begun(t, cluster.Source{IntervalSeconds: 3600}, one("web:1"))
		meddled := 0
		w.db.afterwards(func(call string) {
			if call == "ApplyProject" && meddled < maxPasses {
				meddled++
				w.byHand(fmt.Sprintf("hand:%d", meddled), "main", nil)
			}
		})
		repo.push(map[string]string{"maelstrom.yml": yml("shop", "web:2", "web")})
		must(t, n.Poke(t.Context(), "main"))
		wait(30 * time.Second)
		if meddled != maxPasses || w.image("shop_web") != "web:2" {
			t.Errorf("after %d times: %s", meddled, w.image("shop_web"))
		}
	})
}

// A lost role is believed from the store and from who gave it, not from where
// the files come from: that may be the end of somebody else's work.
func TestRoleIsNotLostBySomebodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n, repo := begun(t, cluster.Source{}, one("web:1"))
		repo.set(func() { repo.err = fmt.Errorf("ask: %w", cluster.ErrFenced) })
		must(t, n.Poke(t.Context(), "main"))
		wait(500 * time.Millisecond)
		if stats := n.Stats()[0]; stats.Refused != 0 || !stats.Held || len(w.events(cluster.EventRefusedWrite)) > 0 {
			t.Errorf("stats %+v", stats)
		}
		is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusFalse, cluster.ReasonNetworkError)
		repo.set(func() { repo.err, repo.fetchErr = nil, cluster.ErrFenced })
		repo.push(one("web:2"))
		wait(5 * time.Second)
		repo.set(func() { repo.fetchErr = nil })
		tick()
		if stats := n.Stats()[0]; stats.Refused != 0 || w.image("shop_web") != "web:2" {
			t.Errorf("stats %+v, image %s", stats, w.image("shop_web"))
		}
	})
}

// A node without the directory leaves it to another, at a pace that slows down
// if nobody has it.
func TestDirectoryThatAnotherNodeHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		repo := w.declare(cluster.Source{Name: "main", Dir: "/srv/projects"})
		repo.push(one("web:1"))
		repo.set(func() {
			repo.err = &OriginError{Reason: cluster.ReasonRefNotFound, Err: fmt.Errorf("open /srv/projects: %w", fs.ErrNotExist)}
		})
		a := w.start("a", false, ReconcilerOptions{})
		wait(10 * time.Second)
		if !a.Stats()[0].Held {
			t.Fatal("given up though nobody else is there")
		}
		_, err := w.db.JoinNode(t.Context(), cluster.Node{ID: "b", Name: "b", State: cluster.NodeUp})
		must(t, err)
		b := w.start("b", false, ReconcilerOptions{})
		synctest.Wait()
		held := func() string { return fmt.Sprint(a.Stats()[0].Held, b.Stats()[0].Held) }
		turns, last := 0, held()
		for range 150 {
			wait(time.Second)
			if now := held(); now != last && now != "false false" {
				turns, last = turns+1, now
			}
		}
		if turns < 3 || turns > 10 {
			t.Errorf("%d turns in 150 seconds", turns)
		}
		repo.set(func() { repo.err = nil })
		wait(2 * time.Minute)
		if w.image("shop_web") != "web:1" {
			t.Error("not applied when the directory came")
		}
	})
}

// What is said of a lost role keeps nobody waiting, and a snapshot that does
// not come along stops no source.
func TestNothingWaitsWithoutLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		l := &loop{
			Reconciler: NewReconciler(ReconcilerOptions{Node: "a"}, ReconcilerDeps{Feed: w.feed, Store: deaf{w.db}}),
			source:     "main", watch: newSourceWatch("main"), log: slog.New(slog.DiscardHandler),
		}
		began := time.Now()
		if err := l.fenced(t.Context(), cluster.ErrFenced); !errors.Is(err, cluster.ErrFenced) || time.Since(began) > 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		k := &look{loop: l}
		k.catchUp(t.Context(), 1<<40)
		if took := time.Since(began); took > time.Minute {
			t.Errorf("waited for %v", took)
		}
	})
}

// deaf is a store that takes no events.
type deaf struct{ *faulty }

func (deaf) AddEvents(ctx context.Context, _ []cluster.Event) error {
	<-ctx.Done()
	return ctx.Err()
}
