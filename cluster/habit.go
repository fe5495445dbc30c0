package cluster

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// HabitMinutes is how long an idle time may be to have a bin of its own.
const HabitMinutes = 240

// HabitsLeft is stored beside the habits of components when whoever has seen
// them has given its role up: it has missed nothing. No component is called so.
const HabitsLeft = "/"

// HabitBins counts idle times by whole minutes. What is old counts less, so
// counts are not whole.
type HabitBins [HabitMinutes]float32

// Habit is what was learned of when requests come to a component. Nobody
// changes one.
type Habit struct {
	Bins   HabitBins       `json:"bins"`
	Beyond float64         `json:"beyond"` // idle times longer than any bin
	Recent []time.Duration `json:"recent"` // the last idle times, the newest last
	Aged   time.Time       `json:"aged"`   // since when what is counted has not been halved
	Crons  int64           `json:"crons"`  // idle times that a schedule has ended, which count nowhere else

	Starts  Starts    `json:"starts"`  // how long it took to start
	Started time.Time `json:"started"` // when the latest of them was ready

	Last  time.Time `json:"last"`  // end of the latest activity; zero: none was seen
	Slept time.Time `json:"slept"` // when it was last told to sleep

	// Unwatched is until when there may have been requests that nobody took note
	// of: an idle time that began before is not known.
	Unwatched time.Time `json:"unwatched"`

	Effect HabitEffect `json:"effect"`
}

// HabitEffect is what came of it, over the idle times that have ended, beside
// what a fixed time to wait for the next request would have come to.
type HabitEffect struct {
	Since   time.Time     `json:"since"`   // when this was counted from
	Spells  int64         `json:"spells"`  // idle times
	Cold    int64         `json:"cold"`    // that ended without an instance
	Avoided int64         `json:"avoided"` // that a fixed time would have let end so, and did not
	Added   int64         `json:"added"`   // that did, and with a fixed time would not have
	Kept    time.Duration `json:"kept"`    // instance time without a request
	Fixed   time.Duration `json:"fixed"`   // and with a fixed time
}

// Add returns the effects of two together.
func (e HabitEffect) Add(o HabitEffect) HabitEffect {
	if e.Since.IsZero() || !o.Since.IsZero() && o.Since.Before(e.Since) {
		e.Since = o.Since
	}
	e.Spells, e.Cold, e.Avoided, e.Added = e.Spells+o.Spells, e.Cold+o.Cold, e.Avoided+o.Avoided, e.Added+o.Added
	e.Kept, e.Fixed = e.Kept+o.Kept, e.Fixed+o.Fixed
	return e
}

// Less returns what has come since an effect that was counted before.
func (e HabitEffect) Less(o HabitEffect) HabitEffect {
	return HabitEffect{
		Since: e.Since, Spells: e.Spells - o.Spells, Cold: e.Cold - o.Cold, Avoided: e.Avoided - o.Avoided, Added: e.Added - o.Added,
		Kept: e.Kept - o.Kept, Fixed: e.Fixed - o.Fixed,
	}
}

// MarshalJSON writes the bins that are not empty, by minute.
func (b HabitBins) MarshalJSON() ([]byte, error) {
	filled := map[int]float32{}
	for i, n := range b {
		if n != 0 {
			filled[i] = n
		}
	}
	return json.Marshal(filled)
}

// UnmarshalJSON reads what MarshalJSON has written.
func (b *HabitBins) UnmarshalJSON(data []byte) error {
	var filled map[int]float32
	if err := json.Unmarshal(data, &filled); err != nil {
		return fmt.Errorf("read bins: %w", err)
	}
	*b = HabitBins{}
	for i, n := range filled {
		if i >= 0 && i < HabitMinutes && n > 0 {
			b[i] = n
		}
	}
	return nil
}

// startsKept is how many starts count.
const startsKept = 20

// longestStart is more than any start takes: what is longer was interrupted.
const longestStart = time.Hour

// Starts are how long the last starts of a component took, the newest last.
type Starts []time.Duration

// Add returns the starts with that of an instance that is ready.
func (s Starts) Add(i *Instance) Starts {
	took := i.ReadyAt.Sub(i.LaunchedAt)
	if i.LaunchedAt.IsZero() || took <= 0 || took > longestStart {
		return s
	}
	return append(slices.Clone(s[max(0, len(s)-startsKept+1):]), took)
}

// P95 is what 95 of 100 of them took at most; false if none is known.
func (s Starts) P95() (time.Duration, bool) {
	if len(s) == 0 {
		return 0, false
	}
	return P95(s), true
}

// P95 is the least of some values that 95 of 100 of them are not above. There is
// at least one.
func P95[V cmp.Ordered](values []V) V {
	return slices.Sorted(slices.Values(values))[(len(values)*95+99)/100-1]
}

// HabitExplanation tells for how long a component with `idle: learned` is kept,
// and what came of that.
type HabitExplanation struct {
	By  string `json:"by"`  // histogram, forecast, cron, or fixed where nothing is known or nothing sure
	Why string `json:"why"` // a sentence

	Samples   float64       `json:"samples"`    // idle times up to four hours; what is old counts less
	Beyond    float64       `json:"beyond"`     // longer ones
	Spread    float64       `json:"spread"`     // coefficient of variation of the histogram's bins
	Head      time.Duration `json:"head"`       // 5 of 100 are shorter, at most
	Tail      time.Duration `json:"tail"`       // 99 of 100 are
	Median    time.Duration `json:"median"`     // of the last ones
	Recent    int           `json:"recent"`     // how many those are
	StartTime time.Duration `json:"start_time"` // that is counted on

	Last   time.Time `json:"last"`   // request; zero: none was seen
	Stops  time.Time `json:"stops"`  // with no other request: when it sleeps; zero: it does
	Starts time.Time `json:"starts"` // and is, or was, started again ahead of the next; zero: it is not
	Sleeps time.Time `json:"sleeps"` // and sleeps again

	Effect HabitEffect `json:"effect"`
}
