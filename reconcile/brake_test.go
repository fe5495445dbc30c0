package reconcile

import (
	"slices"
	"testing"
	"time"

	"maelstrom/cluster"
)

func TestBrake(t *testing.T) {
	for _, tt := range []struct {
		name           string
		removed, total int
		brake          *cluster.Brake
		want           bool
	}{
		{"nothing", 0, 10, nil, false},
		{"few of few", 5, 10, nil, false},
		{"all of few", 1, 1, nil, true},
		{"all of five", 5, 5, nil, true},
		{"more than five, and than 30 percent", 6, 19, nil, true},
		{"six of twenty are 30 percent", 6, 20, nil, false},
		{"30 percent of many", 300, 1000, nil, false},
		{"more of many", 301, 1000, nil, true},
		{"one is too many", 1, 100, &cluster.Brake{}, true},
		{"as many as wanted, but not all", 99, 100, &cluster.Brake{Components: 1000, Percent: 100}, false},
		{"all whatever is wanted", 100, 100, &cluster.Brake{Components: 1000, Percent: 100}, true},
	} {
		if got := braked(removalSet{components: tt.removed, total: tt.total}, tt.brake); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	for _, tt := range []struct {
		removed, total, added int
		want                  bool
	}{{1, 1, 1, false}, {3, 3, 2, true}, {3, 3, 3, false}, {3, 3, 9, false}, {6, 6, 6, true}, {6, 20, 0, false}} {
		if got := braked(removalSet{components: tt.removed, total: tt.total, added: tt.added}, nil); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

func TestApprovalIsOfOnePlan(t *testing.T) {
	all := func(string) bool { return true }
	none := func(string) bool { return false }
	plan := []string{"a", "b", "c"}
	hash := planHash("main", plan)
	for _, tt := range []struct {
		name  string
		names []string
		terms removalTerms
		held  bool
	}{
		{"not approved", plan, removalTerms{}, true},
		{"approved", plan, removalTerms{approved: hash}, false},
		{"in another order", []string{"c", "a", "b"}, removalTerms{approved: hash}, false},
		{"of another source", plan, removalTerms{approved: planHash("other", plan)}, true},
		{"more than approved", []string{"a", "b", "c", "d"}, removalTerms{approved: hash, plannedHash: hash, planned: plan, stored: none}, true},
		{"less, as the rest is gone", []string{"b"}, removalTerms{approved: hash, plannedHash: hash, planned: plan, stored: none}, false},
		{"less, as the rest came back", []string{"b"}, removalTerms{approved: hash, plannedHash: hash, planned: plan, stored: all}, true},
		{"less, and the plan is not known", []string{"b"}, removalTerms{approved: hash, stored: none}, true},
	} {
		tt.terms.source = "main"
		v := judgeRemovals(removalSet{names: tt.names, components: len(tt.names), total: len(tt.names)}, tt.terms)
		if v.held != tt.held || v.hash == "" {
			t.Errorf("%s: %+v", tt.name, v)
		}
	}
	// What waits goes on waiting, however much was added meanwhile.
	sticky := removalTerms{source: "main", plannedHash: hash, planned: plan, stored: all}
	if v := judgeRemovals(removalSet{names: []string{"b", "z"}, components: 2, total: 1000}, sticky); !v.held || v.reason != cluster.ReasonRemovalsHeld {
		t.Errorf("sticky: %+v", v)
	}
	if v := judgeRemovals(removalSet{names: []string{"z"}, components: 1, total: 1000}, sticky); v.held {
		t.Errorf("something else: %+v", v)
	}
	confirm := removalTerms{source: "main", policy: cluster.PruneConfirm}
	if v := judgeRemovals(removalSet{names: []string{"z"}, total: 1000}, confirm); !v.held || v.reason != cluster.ReasonRemovalsConfirm {
		t.Errorf("confirm: %+v", v)
	}
}

func TestBackoff(t *testing.T) {
	want := []time.Duration{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}
	for failed, seconds := range want {
		ceiling := backoffCeiling(failed)
		if ceiling != seconds*time.Second {
			t.Errorf("ceiling after %d: %v, want %ds", failed, ceiling, seconds)
		}
		for range 100 {
			if got := backoffPause(failed, 0); got > ceiling || got < 0 {
				t.Errorf("pause after %d: %v", failed, got)
			}
			if got := backoffPause(failed, time.Hour); got != time.Hour {
				t.Errorf("asked for an hour: %v", got)
			}
		}
	}
	if got := backoffCeiling(1 << 40); got != backoffLast {
		t.Errorf("ceiling for good: %v", got)
	}
}

func TestInterval(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		seconds int
		heard   time.Time
		want    time.Duration
	}{
		{0, time.Time{}, time.Minute},
		{0, now.Add(-30 * time.Minute), 5 * time.Minute},
		{0, now.Add(-2 * time.Hour), time.Minute},
		{1, now, time.Second},
		{7200, time.Time{}, 2 * time.Hour},
	} {
		got := intervalOf(tt.seconds, tt.heard, now)
		if got != tt.want {
			t.Errorf("%d, heard %v ago: %v", tt.seconds, now.Sub(tt.heard), got)
		}
		for range 100 {
			if j := jittered(got); j < got*4/5 || j > got*6/5+1 {
				t.Errorf("%v became %v", got, j)
			}
		}
	}
}

func TestConditionsChangeOnlyIfTheySayMore(t *testing.T) {
	begin, later := time.Unix(1000, 0).UTC(), time.Unix(2000, 0).UTC()
	ready := aspect{kind: cluster.ConditionReady, status: cluster.StatusTrue, reason: cluster.ReasonFetched, message: "m"}
	pinned := aspect{kind: cluster.ConditionPinned, status: cluster.StatusFalse, reason: cluster.ReasonByUser, optional: true}
	first := updateConditions(nil, []aspect{ready, pinned}, "c1", begin)
	if len(first) != 1 || first[0].LastTransition != begin || first[0].ObservedRevision != "c1" {
		t.Fatalf("first %+v", first)
	}
	if same := updateConditions(first, []aspect{pinned, ready}, "c2", later); !slices.Equal(same, first) {
		t.Errorf("the same: %+v", same)
	}
	ready.message = "n"
	said := updateConditions(first, []aspect{ready}, "c2", later)
	if said[0].Message != "n" || said[0].ObservedRevision != "c2" || said[0].LastTransition != begin {
		t.Errorf("another message: %+v", said)
	}
	ready.message, ready.unsteady = "o", true
	if same := updateConditions(said, []aspect{ready}, "c3", later); !slices.Equal(same, said) {
		t.Errorf("an unsteady message: %+v", same)
	}
	ready.status, pinned.status = cluster.StatusFalse, cluster.StatusTrue
	turned := updateConditions(said, []aspect{ready, pinned}, "c3", later)
	if len(turned) != 2 || turned[0].Type != cluster.ConditionPinned || turned[1].LastTransition != later {
		t.Errorf("turned: %+v", turned)
	}
	pinned.status = cluster.StatusFalse
	if back := updateConditions(turned, []aspect{ready, pinned}, "c4", later); len(back) != 2 || isTrue(back, cluster.ConditionPinned) {
		t.Errorf("what was true stays visible: %+v", back)
	}
}
