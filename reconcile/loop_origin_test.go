package reconcile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

func TestRefThatIsGoneNeverEmpties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{}, one("web:1"))
		repo.set(func() {
			repo.err = &OriginError{Reason: cluster.ReasonRefNotFound, Permanent: true, Err: errors.New("there is no branch main")}
		})
		wait(10 * time.Minute)
		if len(w.projects()) != 2 {
			t.Fatalf("projects %v", w.projects())
		}
		is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusFalse, cluster.ReasonRefNotFound)
		is(t, w.source("main").Conditions, cluster.ConditionStalled, cluster.StatusTrue, cluster.ReasonRefNotFound)
		w.noWrites("gone", func() { wait(10 * time.Minute) })
		repo.set(func() { repo.err = nil })
		tick()
		is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
		if got := append(w.events(cluster.EventFailed), w.events(cluster.EventRecovered)...); len(got) != 2 {
			t.Errorf("events %q", got)
		}
	})
}

func TestWhatOnlyAPersonCanMendIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n, repo := begun(t, cluster.Source{}, one("web:1"))
		repo.set(func() {
			repo.err = &OriginError{Reason: cluster.ReasonAuthFailed, Permanent: true, Err: errors.New("401"), Hint: "set the token"}
		})
		tick()
		is(t, w.source("main").Conditions, cluster.ConditionStalled, cluster.StatusTrue, cluster.ReasonAuthFailed)
		before, _ := repo.counts()
		wait(7 * time.Hour)
		if after, _ := repo.counts(); after != before {
			t.Errorf("%d more tries", after-before)
		}
		if got := w.events(cluster.EventReminder); len(got) != 1 {
			t.Errorf("reminders %q", got)
		}
		repo.set(func() { repo.err = nil })
		w.declare(cluster.Source{Name: "main", Overlay: "live"})
		wait(3 * time.Second)
		is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
		_ = n
	})
}

func TestNetworkLossKeepsTheLastGoodAndIsToldAfterThreeIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n, repo := begun(t, cluster.Source{}, one("web:1"))
		repo.push(one("web:2"))
		tries := 0
		repo.set(func() {
			repo.err = &OriginError{Reason: cluster.ReasonNetworkError, Err: fmt.Errorf("connection %d refused", tries)}
		})
		wait(2 * time.Minute)
		is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusFalse, cluster.ReasonNetworkError)
		if got := w.events(cluster.EventStale, cluster.EventFailed); len(got) != 0 || len(w.projects()) != 2 {
			t.Errorf("too early: %q", got)
		}
		wait(3 * time.Minute)
		is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusFalse, cluster.ReasonStale)
		w.noWrites("stale", func() { wait(20 * time.Minute) })
		if got := w.events(cluster.EventStale); len(got) != 1 || !n.Stats()[0].Stale {
			t.Errorf("events %q", got)
		}
		before, _ := repo.counts()
		wait(time.Hour)
		if after, _ := repo.counts(); after-before < 10 || after-before > 200 {
			t.Errorf("%d tries in an hour", after-before)
		}
		repo.set(func() { repo.err = nil })
		must(t, n.Poke(t.Context(), "main"))
		wait(time.Second)
		if w.image("shop_web") != "web:2" || len(w.events(cluster.EventRecovered)) != 1 {
			t.Errorf("back: %s, %q", w.image("shop_web"), w.events(cluster.EventRecovered))
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{IntervalSeconds: 1}, one("web:1"))
		repo.set(func() {
			repo.err = &OriginError{Reason: cluster.ReasonNetworkError, RetryAfter: 10 * time.Minute, Err: errors.New("429")}
		})
		wait(2 * time.Second)
		before, _ := repo.counts()
		wait(9 * time.Minute)
		if after, _ := repo.counts(); after != before {
			t.Errorf("%d tries before the time asked for", after-before)
		}
		is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusFalse, cluster.ReasonStale)
		if got := w.events(cluster.EventStale); len(got) != 1 {
			t.Errorf("told %q", got)
		}
		repo.set(func() { repo.err = nil })
		wait(2 * time.Minute)
		is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
	})
}

func TestRewrittenHistory(t *testing.T) {
	for _, policy := range []cluster.ForcePush{cluster.ForcePushAllow, cluster.ForcePushDeny} {
		t.Run(string(policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, n, repo := begun(t, cluster.Source{Git: &cluster.GitSource{URL: "https://git.test/x", ForcePush: policy}}, one("web:1"))
				repo.push(one("web:2"))
				tick()
				repo.commit("", one("web:3"))
				tick()
				if policy == cluster.ForcePushAllow {
					if got := w.events(cluster.EventHistoryRewritten); w.image("shop_web") != "web:3" || len(got) != 1 || !strings.Contains(got[0], "from c002 to c003") {
						t.Errorf("image %s, %q", w.image("shop_web"), got)
					}
					return
				}
				if w.image("shop_web") != "web:2" {
					t.Fatalf("image %s", w.image("shop_web"))
				}
				is(t, w.source("main").Conditions, cluster.ConditionStalled, cluster.StatusTrue, cluster.ReasonHistoryRewritten)
				w.noWrites("denied", func() { wait(20 * time.Minute) })
				// Nobody follows it by chance: webhooks at any node, CI, a commit by name.
				for _, ask := range []func(){
					func() { must(t, n.Poke(t.Context(), "main")) },
					func() { must(t, n.ask(t.Context(), "main")) },
					func() { w.sync("main", "") },
					func() { w.sync("main", repo.head) },
				} {
					ask()
					wait(3 * time.Second)
					if w.image("shop_web") != "web:2" {
						t.Fatalf("followed: %s", w.image("shop_web"))
					}
				}
				w.control(cluster.ControlSource, "main", func(c *cluster.Control) {
					next := NextSync(w.snap(), "main")
					next.FollowRewrite, next.Actor = true, "ann"
					c.Sync = &next
				})
				w.snap()
				must(t, n.ask(t.Context(), "main")) // which does not overtake it
				wait(3 * time.Second)
				if w.image("shop_web") != "web:3" || len(w.events(cluster.EventHistoryRewritten)) != 1 {
					t.Errorf("followed by hand: %s", w.image("shop_web"))
				}
				tick()
				is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
			})
		})
	}
}
