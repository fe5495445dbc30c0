package journal

import (
	"slices"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
)

// rolling is a version of web that replaces a proven one.
func rolling(restart int64, change func(*cluster.ComponentRow)) *cluster.ComponentRow {
	row := component("web", 0, restart)
	row.Kept = component("web", 0, 5)
	row.Kept.Proven = 5
	if change != nil {
		change(row)
	}
	return row
}

func failed(restart int64, tries int, retry time.Time) *cluster.ComponentRow {
	return rolling(restart, func(row *cluster.ComponentRow) {
		row.Tries = tries
		row.Failed = &cluster.RolloutFailure{Reason: cluster.ReasonExited, Message: "exit code 1", Tries: tries, RetryAt: retry}
	})
}

func proven(restart int64) *cluster.ComponentRow {
	row := component("web", 0, restart)
	row.Proven = restart
	return row
}

func retried(restart int64, tries int) *cluster.ComponentRow {
	return rolling(restart, func(row *cluster.ComponentRow) { row.Tries = tries })
}

func TestWhatBecomesOfVersions(t *testing.T) {
	at := time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	const (
		stays = "rollout error: version 7 of web is not rolled out, version 5 runs on: exited: exit code 1"
		later = "rollout warning: version 7 of web is not rolled out, version 5 runs on, it is tried again at 05:06:07 UTC: exited: exit code 1"
		done  = "rollout info: version 7 of web is rolled out"
	)
	first := failed(7, 1, time.Time{})
	first.Kept = nil
	for name, c := range map[string]struct {
		old, new *cluster.ComponentRow
		want     string
	}{
		"added":                {nil, component("web", 0, 7), ""},
		"added and ready":      {nil, proven(7), done},
		"changed":              {proven(5), rolling(7, nil), ""},
		"proven":               {rolling(7, nil), proven(7), done},
		"changed and proven":   {proven(5), proven(7), done},
		"proven, then changed": {proven(7), rolling(9, nil), ""},
		"still proven":         {proven(7), proven(7), ""},
		"failed":               {rolling(7, nil), failed(7, 1, time.Time{}), stays},
		"changed and failed":   {failed(5, 1, at), failed(7, 1, time.Time{}), stays},
		"failed for now":       {rolling(7, nil), failed(7, 1, at), later},
		"failed again":         {failed(7, 1, at), failed(7, 2, at), later},
		"failed still":         {failed(7, 1, at), failed(7, 1, at), ""},
		"failed, nothing kept": {component("web", 0, 7), first, "rollout error: version 7 of web is not rolled out: exited: exit code 1"},
		"tried again":          {failed(7, 1, at), retried(7, 1), "rollout info: version 7 of web is tried again after 1 failure"},
		"tried once more":      {failed(7, 2, at), retried(7, 2), "rollout info: version 7 of web is tried again after 2 failures"},
		"another is tried":     {failed(7, 2, at), rolling(8, nil), ""},
		"proven after all":     {failed(7, 2, at), proven(7), done},
		"removed":              {failed(7, 2, at), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := after(begin(), cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{"web": c.old}})
			now := after(before, cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{"web": c.new}})
			var got []string
			for _, e := range Between(before, now, View{Cluster: true}) {
				got = append(got, string(e.Kind)+" "+string(e.Severity)+": "+e.Message)
				if e.Project != "shop" || e.Component != "web" || !strings.Contains(string(e.Details), `"version":7`) {
					t.Errorf("%+v", e)
				}
			}
			if strings.Join(got, "\n") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if others := Between(before, now, View{Node: "a"}); others != nil {
				t.Errorf("who holds no role records %v", others)
			}
		})
	}
}

func TestWhatProgramsLearnOfAFailure(t *testing.T) {
	row := failed(7, 2, time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC))
	row.Failed.Message = strings.Repeat("ä", 1000)
	now := after(begin(), cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{"web": row}})
	got := Between(begin(), now, View{Cluster: true})
	if len(got) != 1 || len(got[0].Message) > 650 {
		t.Fatalf("%+v", got)
	}
	if want := `{"version":7,"proven":false,"tries":2,"reason":"exited","retry_at":"2025-03-04T05:06:07Z"}`; string(got[0].Details) != want {
		t.Errorf("details %s", got[0].Details)
	}
	row.Failed.RetryAt = time.Date(20_000, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := Between(begin(), now, View{Cluster: true}); len(got) != 1 || got[0].Details != nil {
		t.Errorf("%+v", got)
	}
}

func TestManyRolloutsAreToldInOrder(t *testing.T) {
	db := component("db", 1, 6)
	db.Proven = 6
	now := after(begin(), cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{"web": proven(7), "db": db}})
	var got []string
	for _, e := range Between(begin(), now, View{Cluster: true}) {
		got = append(got, e.Component)
	}
	if !slices.Equal(got, []string{"db", "web"}) {
		t.Errorf("%v", got)
	}
}
