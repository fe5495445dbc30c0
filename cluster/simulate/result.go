package simulate

import (
	"time"

	"maelstrom/cluster"
)

// Result is what would have happened. Times are seconds from the start, those
// of requests milliseconds as in the access log.
type Result struct {
	Start  time.Time `json:"start"`
	Length float64   `json:"length"`
	Seed   uint64    `json:"seed"`

	Totals     Totals             `json:"totals"`
	Components []*ComponentResult `json:"components"` // by name

	MemoryMiB      int64   `json:"memory_mib"` // of all nodes together
	PeakMemoryMiB  int64   `json:"peak_memory_mib"`
	MissingMiB     int64   `json:"missing_memory_mib"` // that more machines were to have, at most
	MemoryGiBHours float64 `json:"memory_gib_hours"`

	Refusals []Refusal `json:"refusals"` // why components could not be placed
	Changes  []Change  `json:"changes"`  // of how many instances there shall be
	Unkept   int64     `json:"changes_left_out"`
	Moves    []Move    `json:"moves"`
	LeftOut  int64     `json:"moves_left_out"` // beyond the most that are kept
	Ticks    []Tick    `json:"ticks"`
	TickTime float64   `json:"tick"` // seconds between two of them
	Plans    int64     `json:"plans"`

	Recorded []Recorded `json:"recorded,omitempty"` // what the log says of the same
	Assumed  Assumed    `json:"assumed,omitzero"`
}

// Assumed names the components that went by DefaultStart and DefaultService,
// since nobody told how long theirs take.
type Assumed struct {
	Start   []string `json:"start_time,omitempty"`
	Service []string `json:"service_time,omitempty"` // of some of their requests at least
}

// Totals count requests and instances.
type Totals struct {
	Requests   int64                    `json:"requests"`
	Answered   int64                    `json:"answered"`
	Refused    int64                    `json:"refused"` // no instance got them
	Failed     int64                    `json:"failed"`  // broke off on an instance
	Waiting    int64                    `json:"waiting"` // at the end
	InFlight   int64                    `json:"in_flight"`
	Reasons    map[cluster.Reason]int64 `json:"reasons"`
	Cold       int64                    `json:"cold"`        // got an instance, but none was ready when they came
	ColdStarts int64                    `json:"cold_starts"` // instances that answered such a request
	Starts     int64                    `json:"starts"`      // of instances, for whatever reason
	Displaced  int64                    `json:"displaced"`   // idle instances that made room for others

	Queue    Times    `json:"queue_ms"` // of those that an instance got
	Buckets  []Bucket `json:"queue_buckets"`
	Duration Times    `json:"duration_ms"` // of those that were answered

	InstanceHours float64 `json:"instance_hours"` // ready ones
	Busy          float64 `json:"busy"`           // mean of requests in flight or waiting

	wait, took histogram
}

// ComponentResult is what would have happened to one component.
type ComponentResult struct {
	Component string `json:"component"`
	Totals

	MostReady      int     `json:"most_ready"`
	MostRows       int     `json:"most_placements"` // those that leave too
	MostWaiting    int     `json:"most_waiting"`
	PeakMemoryMiB  int64   `json:"peak_memory_mib"`
	MemoryGiBHours float64 `json:"memory_gib_hours"`

	Learned *Learned `json:"learned,omitempty"` // with idle: learned
}

// Learned is what came of sleeping by what was learned, beside what
// idletimeoutseconds would have come to, as far as idle times have ended.
type Learned struct {
	Spells     int64   `json:"spells"`      // idle times
	Cold       int64   `json:"cold"`        // that ended without an instance
	Avoided    int64   `json:"avoided"`     // that idletimeoutseconds would have let end so
	Added      int64   `json:"added"`       // that it would not
	IdleHours  float64 `json:"idle_hours"`  // instance time without a request
	FixedHours float64 `json:"fixed_hours"` // and with idletimeoutseconds
}

func newLearned(e *cluster.HabitEffect) *Learned {
	return &Learned{
		Spells: e.Spells, Cold: e.Cold, Avoided: e.Avoided, Added: e.Added, IdleHours: e.Kept.Hours(), FixedHours: e.Fixed.Hours(),
	}
}

// Refusal is why a component could not be placed.
type Refusal struct {
	Component string         `json:"component"`
	Reason    cluster.Reason `json:"reason"`
	Message   string         `json:"message"`
	First     float64        `json:"first"` // when it was found first, and last
	Last      float64        `json:"last"`
	Plans     int64          `json:"plans"`
}

// Change is a decision of the scheduler that a component shall have more or
// fewer instances, and why, as `maelctl comp explain` has it.
type Change struct {
	At        float64            `json:"at"`
	Component string             `json:"component"`
	From      int                `json:"from"`
	To        int                `json:"to"`
	Cause     cluster.ScaleCause `json:"cause"`
	Why       string             `json:"why"`
	Sight     cluster.ScaleSight `json:"sight"`
}

// Move is one thing that happens to an instance or a node.
type Move struct {
	At        float64 `json:"at"`
	What      string  `json:"what"`
	Component string  `json:"component,omitempty"`
	Slot      int     `json:"slot"`
	Placement string  `json:"placement,omitempty"`
	Node      string  `json:"node"`
	For       string  `json:"for,omitempty"` // the component that it yields to
}

// Tick is how things stand at a time.
type Tick struct {
	At         float64         `json:"at"`
	Components []ComponentTick `json:"components"`
	Nodes      []NodeTick      `json:"nodes"`
	Placements []PlacementTick `json:"placements"`
}

// ComponentTick is one component at a time, and since the tick before.
type ComponentTick struct {
	Component string  `json:"component"`
	Ready     int     `json:"ready"`
	Starting  int     `json:"starting"`
	InFlight  int     `json:"in_flight"`
	Queued    int     `json:"queued"`
	Load      float64 `json:"load"`     // mean of in flight and queued since the tick before
	Requests  int64   `json:"requests"` // since the tick before
	Refused   int64   `json:"refused"`
	Cold      int64   `json:"cold"`
}

// NodeTick is one node at a time.
type NodeTick struct {
	Node        string            `json:"node"`
	State       cluster.NodeState `json:"state"`
	ReservedMiB int64             `json:"reserved_mib"`
	MemoryMiB   int64             `json:"memory_mib"`
}

// PlacementTick is one placement at a time.
type PlacementTick struct {
	Placement string                `json:"placement"`
	Component string                `json:"component"`
	Slot      int                   `json:"slot"`
	Node      string                `json:"node"`
	Want      cluster.Want          `json:"want"`
	State     cluster.InstanceState `json:"state"` // empty: nothing of it runs
}

// Outcome is one request that has come to its end.
type Outcome struct {
	Component string
	Placement string // that got it; empty: none
	Node      string
	At, End   time.Duration
	Wait      time.Duration
	Cold      bool
	Stream    bool
	Reason    cluster.Reason // none: it was answered
}

// Status is the HTTP status that the client gets.
func (o *Outcome) Status() int {
	switch o.Reason {
	case cluster.ReasonNone:
		if o.Stream {
			return 101
		}
		return 200
	case cluster.ReasonQueueTimeout:
		return 504
	case cluster.ReasonNodeLost, cluster.ReasonDraining:
		return 502
	}
	return 503
}

func newResult(s *Scenario) *Result {
	r := &Result{
		Start: s.Start, Length: s.Length.Seconds(), Seed: s.Seed, TickTime: s.tick().Seconds(),
		Components: []*ComponentResult{}, Refusals: []Refusal{}, Changes: []Change{}, Moves: []Move{}, Ticks: []Tick{},
		Totals: Totals{Reasons: map[cluster.Reason]int64{}},
	}
	for _, n := range s.Nodes {
		r.MemoryMiB += n.MemoryMiB
	}
	return r
}

func newComponentResult(name string) *ComponentResult {
	return &ComponentResult{Component: name, Totals: Totals{Reasons: map[cluster.Reason]int64{}}}
}

func (t *Totals) refused(why cluster.Reason) {
	t.Refused++
	t.Reasons[why]++
}

func (t *Totals) failed(why cluster.Reason, n int64) {
	if n > 0 {
		t.Failed += n
		t.Reasons[why] += n
	}
}

// refusal notes why a component can't be placed.
func (r *Result) refusal(component string, at time.Duration, f *cluster.Failure) {
	for k := range r.Refusals {
		if old := &r.Refusals[k]; old.Component == component && old.Reason == f.Reason && old.Message == f.Message {
			old.Last = at.Seconds()
			old.Plans++
			return
		}
	}
	if len(r.Refusals) < maxRefusals {
		r.Refusals = append(r.Refusals, Refusal{Component: component, Reason: f.Reason, Message: f.Message, First: at.Seconds(), Last: at.Seconds(), Plans: 1})
	}
}

// The most that a result keeps.
const (
	maxMoves    = 20_000
	maxChanges  = 20_000
	maxRefusals = 200
)

func (w *world) note(m Move) {
	if len(w.result.Moves) >= maxMoves {
		w.result.LeftOut++
		return
	}
	m.At = w.now.Seconds()
	w.result.Moves = append(w.result.Moves, m)
}

func (w *world) noteChange(c cluster.ScaleChange) {
	if len(w.result.Changes) >= maxChanges {
		w.result.Unkept++
		return
	}
	w.result.Changes = append(w.result.Changes, Change{
		At: w.now.Seconds(), Component: c.Component, From: c.From, To: c.To, Cause: c.Cause, Why: c.Why, Sight: c.Sight,
	})
}

func (w *world) noteInstance(what string, i *instance) {
	w.note(Move{What: what, Component: i.pl.Component, Slot: i.pl.Slot, Placement: i.pl.ID, Node: i.node.row.Name})
}
