package notify

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"maelstrom/cluster"
)

// stage follows a watch over seconds that are told in words.
type stage struct {
	t      *testing.T
	kind   cluster.AlertKind
	w      *watch
	stored map[string]*cluster.Alert
	told   []string
	at     time.Time
	broken bool // the database refuses writes
}

func newStage(t *testing.T, kind cluster.AlertKind) *stage {
	return &stage{t: t, kind: kind, w: newWatch(), stored: map[string]*cluster.Alert{}, at: time.Unix(0, 0)}
}

// write stores as the database would, and tells.
func (s *stage) write(writes []cluster.AlertWrite) {
	if s.broken {
		s.w.load(s.stored)
		return
	}
	var after []cluster.Alert
	for i := range writes {
		a := writes[i].Alert
		old := s.stored[a.Key()]
		now := int(s.at.Sub(time.Unix(0, 0)) / time.Second)
		switch {
		case !writes[i].Heals && (old == nil || !old.Open()):
			a.Since = s.at.Add(-writes[i].Began)
			s.stored[a.Key()] = &a
			s.told = append(s.told, fmt.Sprintf("%d opened, began %d", now, now-int(writes[i].Began/time.Second)))
		case writes[i].Heals && old != nil && old.Open():
			healed := *old
			healed.Healed = s.at.Add(-writes[i].Ended)
			s.stored[a.Key()] = &healed
			s.told = append(s.told, fmt.Sprintf("%d closed after %s: %s", now, healed.Lasted(), a.How))
		}
		after = append(after, *s.stored[a.Key()])
	}
	s.w.wrote(writes, after)
}

// live goes through so many seconds in a state: wrong, well, unsure or gone.
func (s *stage) live(state string, seconds int) {
	s.t.Helper()
	a := cluster.Alert{Kind: s.kind, Subject: "x", Severity: cluster.EventError, Cause: "c", Title: "x is wrong"}
	for range seconds {
		wrong := map[string]cluster.Alert{}
		if state == "wrong" {
			wrong[a.Key()] = a
		}
		writes, next := s.w.step(s.at, wrong, func(a *cluster.Alert) health {
			switch state {
			case "well":
				return is(a, well, "it is well")
			case "gone":
				return is(a, gone, "it is gone")
			}
			return unsure
		})
		if !next.IsZero() && !next.After(s.at) {
			s.t.Fatalf("at %s the next look is at %s", s.at, next)
		}
		if len(writes) > 0 {
			s.write(writes)
		}
		s.at = s.at.Add(time.Second)
	}
}

func (s *stage) want(told ...string) {
	s.t.Helper()
	if !slices.Equal(s.told, told) {
		s.t.Errorf("told %q, want %q", s.told, told)
	}
}

func TestAlertsBeginAndHeal(t *testing.T) {
	type step struct {
		state   string
		seconds int
	}
	for name, c := range map[string]struct {
		kind  cluster.AlertKind
		steps []step
		want  []string
	}{
		"a blip":                        {cluster.AlertComponentFailing, []step{{"wrong", 59}, {"well", 30}, {"wrong", 30}, {"well", 30}}, nil},
		"it settles":                    {cluster.AlertComponentFailing, []step{{"well", 5}, {"wrong", 100}}, []string{"65 opened, began 5"}},
		"and heals":                     {cluster.AlertComponentFailing, []step{{"wrong", 100}, {"well", 60}}, []string{"60 opened, began 0", "110 closed after 1m40s: it is well"}},
		"twice":                         {cluster.AlertNodeLost, []step{{"wrong", 10}, {"well", 10}, {"wrong", 10}, {"well", 10}}, []string{"2 opened, began 0", "15 closed after 10s: it is well", "22 opened, began 20", "35 closed after 10s: it is well"}},
		"wrong and well by turns":       {cluster.AlertComponentFailing, []step{{"wrong", 40}, {"well", 5}, {"wrong", 40}, {"well", 5}, {"wrong", 40}, {"well", 5}, {"wrong", 10}}, []string{"60 opened, began 0"}},
		"well for a moment":             {cluster.AlertComponentFailing, []step{{"wrong", 70}, {"well", 9}, {"wrong", 70}, {"well", 11}}, []string{"60 opened, began 0", "159 closed after 2m29s: it is well"}},
		"it sleeps before it is told":   {cluster.AlertComponentFailing, []step{{"wrong", 50}, {"unsure", 5}, {"wrong", 50}}, nil},
		"it sleeps after it was told":   {cluster.AlertComponentFailing, []step{{"wrong", 70}, {"unsure", 500}, {"well", 12}}, []string{"60 opened, began 0", "580 closed after 9m30s: it is well"}},
		"it is removed":                 {cluster.AlertComponentFailing, []step{{"wrong", 70}, {"gone", 5}}, []string{"60 opened, began 0", "70 closed after 1m10s: it is gone"}},
		"it is removed before":          {cluster.AlertComponentFailing, []step{{"wrong", 50}, {"gone", 500}}, nil},
		"one success heals a schedule":  {cluster.AlertCronFailed, []step{{"wrong", 100}, {"well", 1}}, []string{"90 opened, began 0", "100 closed after 1m40s: it is well"}},
		"a schedule that fails and not": {cluster.AlertCronFailed, []step{{"wrong", 60}, {"well", 60}, {"wrong", 60}, {"well", 60}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, c.kind)
			for _, step := range c.steps {
				s.live(step.state, step.seconds)
			}
			s.want(c.want...)
		})
	}
}

// Who takes over goes on with what is stored, and tells nothing again.
func TestAlertsOverAFailover(t *testing.T) {
	s := newStage(t, cluster.AlertComponentFailing)
	next := func() { s.w = newWatch(); s.w.load(s.stored) }
	s.live("wrong", 30)
	next() // it waits anew for what was not told
	s.live("wrong", 59)
	s.want()
	s.live("wrong", 2)
	next()
	s.live("wrong", 200)
	s.want("90 opened, began 30")
	s.live("well", 8)
	next() // in the midst of healing
	s.live("well", 8)
	next()
	s.live("well", 30)
	next()
	s.live("well", 30)
	s.want("90 opened, began 30", "317 closed after 4m37s: it is well")
	next()
	s.live("wrong", 61)
	s.want("90 opened, began 30", "317 closed after 4m37s: it is well", "427 opened, began 367")
}

// What could not be written is written once it can.
func TestAlertsOverARefusedWrite(t *testing.T) {
	s := newStage(t, cluster.AlertNodeLost)
	s.broken = true
	s.live("wrong", 20)
	s.broken = false
	s.live("wrong", 10)
	s.want("20 opened, began 0")
	s.broken = true
	s.live("well", 20)
	s.broken = false
	s.live("well", 10)
	s.want("20 opened, began 0", "50 closed after 30s: it is well")
}

// What was stored by a write whose answer was lost is not told again.
func TestAlertsOverALostAnswer(t *testing.T) {
	s := newStage(t, cluster.AlertNodeLost)
	s.live("wrong", 2)
	a := cluster.Alert{Kind: s.kind, Subject: "x", Since: s.at}
	s.stored[a.Key()] = &a
	s.w.load(s.stored)
	s.live("wrong", 50)
	s.want()
	s.live("well", 6)
	s.want("57 closed after 50s: it is well")
}
