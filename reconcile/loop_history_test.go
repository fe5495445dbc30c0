package reconcile

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"maelstrom/cluster"
)

// Where it can't be found out whether history was rewritten, deny stays and
// allow says so.
func TestDoubtfulHistory(t *testing.T) {
	for policy, want := range map[cluster.ForcePush]string{cluster.ForcePushAllow: "web:2", cluster.ForcePushDeny: "web:1"} {
		t.Run(string(policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _, repo := begun(t, cluster.Source{Git: &cluster.GitSource{URL: "https://git.test/x", ForcePush: policy}}, one("web:1"))
				repo.mu.Lock()
				repo.doubt = errors.New("too many commits")
				repo.mu.Unlock()
				repo.push(one("web:2"))
				tick()
				if got := w.image("shop_web"); got != want {
					t.Errorf("image %s, want %s", got, want)
				}
				kind := cluster.EventHistoryRewritten
				if policy == cluster.ForcePushDeny {
					kind = cluster.EventFailed
					is(t, w.source("main").Conditions, cluster.ConditionStalled, cluster.StatusTrue, cluster.ReasonHistoryRewritten)
				}
				got := w.events(kind)
				if len(got) != 1 || !strings.Contains(got[0], "may have been rewritten from c001 to c002") || !strings.Contains(got[0], "too many commits") {
					t.Errorf("told %q", got)
				}
			})
		})
	}
}
