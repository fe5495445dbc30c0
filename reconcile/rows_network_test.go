package reconcile_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/reconcile/gitsource/gittest"
)

// The server is away in every way there is: what is stored stays, it is said
// once it has lasted, nothing of a torn fetch is applied, and all goes on when
// it is back.
func TestRowNetworkLossAndRecovery(t *testing.T) {
	for name, fault := range map[string]*gittest.Fault{
		"busy":      {Status: 503, RetryAfter: "3600"},
		"broken":    {Status: 500},
		"too often": {Status: 429, RetryAfter: "3600"},
		"silent":    {Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			first := s.begin(cluster.Source{Name: "main"}, map[string]string{"maelstrom.yml": yml("shop", "web:1", "web")})
			s.git.SetFault(fault)
			s.ready("main", cluster.StatusFalse, cluster.ReasonNetworkError)
			s.told(0, cluster.EventFailed)
			c := s.ready("main", cluster.StatusFalse, cluster.ReasonStale)
			if !strings.Contains(c.Message, "not reached since") {
				t.Errorf("message %q", c.Message)
			}
			poll(t, "the metric says that it is stale", func() bool { return s.Stats()[0].Stale })
			s.told(1, cluster.EventStale)
			is(t, "main", s.source("main").Conditions, cluster.ConditionStalled, cluster.StatusFalse, "")
			s.stores("shop_web=web:1")
			if got := s.source("main").Revision; got != first {
				t.Errorf("looked at %s, want %s", got, first)
			}
			s.git.SetFault(nil)
			s.push("main", map[string]string{"maelstrom.yml": yml("shop", "web:2", "web")})
			s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
			s.stores("shop_web=web:2")
			s.told(1, cluster.EventRecovered)
			if s.Stats()[0].Stale {
				t.Error("it is still stale")
			}
		})
	}
}

// A fetch that breaks off in the middle applies nothing, also over what was
// fetched before, and the next one is whole.
func TestRowFetchThatIsCut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	noise := make([]byte, 100_000)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(noise)
	s.begin(cluster.Source{Name: "main"}, map[string]string{"maelstrom.yml": yml("shop", "web:1", "web"), "z.maelstrom.yml": yml("zoo", "zoo:1", "web")})
	commit := s.git.Repo("main").Push(map[string]string{
		"maelstrom.yml": yml("shop", "web:2", "web"), "z.maelstrom.yml": yml("zoo", "zoo:2", "web"), "noise.bin": string(noise),
	})
	s.git.SetFault(&gittest.Fault{CutAfter: 20_000})
	must(t, s.Poke(t.Context(), "main"))
	s.ready("main", cluster.StatusFalse, cluster.ReasonNetworkError)
	s.stores("shop_web=web:1", "zoo_web=zoo:1")
	s.git.SetFault(nil)
	s.seen("main", commit)
	s.stores("shop_web=web:2", "zoo_web=zoo:2")
	s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
	s.told(0, cluster.EventFailed)
}

// While a server asks for patience, it is left alone; whoever pushes or asks is
// served at once.
func TestRowRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.begin(cluster.Source{Name: "main", IntervalSeconds: 3600}, map[string]string{"maelstrom.yml": yml("shop", "web:1", "web")})
	s.git.SetFault(&gittest.Fault{Status: 503, RetryAfter: "3600"})
	must(t, s.Poke(t.Context(), "main"))
	s.ready("main", cluster.StatusFalse, cluster.ReasonNetworkError)
	asked := s.git.Requests("info/refs")
	// Time enough for retries that would come after one second and two.
	clock := gittest.NewHTTP(t, gittest.Options{})
	s.declare(cluster.Source{Name: "clock", Git: &cluster.GitSource{URL: clock.Repo("clock").URL()}})
	poll(t, "another source is looked at", func() bool {
		for _, stats := range s.Stats() {
			if stats.Source == "clock" && stats.Looks >= 4 {
				return true
			}
		}
		return false
	})
	if again := s.git.Requests("info/refs"); again > asked {
		t.Errorf("it was asked %d times more", again-asked)
	}
}
