package notify

import (
	"maps"
	"slices"
	"time"

	"maelstrom/cluster"
)

// pace says how long something must be so until it is told.
type pace struct {
	settle time.Duration // wrong, until an alert begins
	heal   time.Duration // well, until it has healed
}

// paces are those of each kind. A node is lost ten seconds after it was heard
// last, which is settled already.
var paces = map[cluster.AlertKind]pace{
	cluster.AlertNodeLost:         {2 * time.Second, 5 * time.Second},
	cluster.AlertDatabaseLost:     {10 * time.Second, 5 * time.Second},
	cluster.AlertComponentFailing: {time.Minute, 10 * time.Second},
	cluster.AlertCronFailed:       {90 * time.Second, 0},
	cluster.AlertDiskFull:         {30 * time.Second, 30 * time.Second},
}

// health is how something is that has, or may get, an alert.
type health int

const (
	unsure health = iota // nothing can be said now
	well
	gone // it is no longer there, nor wanted
)

// watch decides which alerts begin and which have healed. Something that is
// wrong and well by turns is one alert, until it has been well for long enough.
type watch struct {
	open    map[string]cluster.Alert // as they are stored
	pending map[string]pending       // wrong, and not told
	well    map[string]time.Time     // since when, of both
}

type pending struct {
	cluster.Alert
	since time.Time
}

func newWatch() *watch {
	return &watch{open: map[string]cluster.Alert{}, pending: map[string]pending{}, well: map[string]time.Time{}}
}

// load goes on with what is stored.
func (w *watch) load(stored map[string]*cluster.Alert) {
	clear(w.open)
	for key, a := range stored {
		if a.Open() {
			w.open[key] = *a
		}
	}
	for key := range w.pending {
		if _, told := w.open[key]; told {
			delete(w.pending, key)
		}
	}
}

// step takes in what is wrong, and how the rest is by its function, which says
// in How what it has become. It returns what is to be written, and when to look
// again at the latest; zero: when something changes.
func (w *watch) step(now time.Time, wrong map[string]cluster.Alert, rest func(*cluster.Alert) health) (writes []cluster.AlertWrite, next time.Time) {
	due := func(at time.Time) bool {
		if at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
		return !at.After(now)
	}
	for _, key := range slices.Sorted(maps.Keys(wrong)) {
		a := wrong[key]
		delete(w.well, key)
		if _, told := w.open[key]; told {
			continue
		}
		p, known := w.pending[key]
		if !known {
			p.since = now
		}
		p.Alert = a
		w.pending[key] = p
		if due(p.since.Add(paces[a.Kind].settle)) {
			writes = append(writes, cluster.AlertWrite{Alert: a, Began: now.Sub(p.since)})
		}
	}
	for _, key := range w.tracked() {
		if _, bad := wrong[key]; bad {
			continue
		}
		if write, ok := w.better(key, now, rest, due); ok {
			writes = append(writes, write)
		}
	}
	return writes, next
}

// tracked are the keys of all that is or may become an alert.
func (w *watch) tracked() []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(w.open)), maps.Keys(w.pending))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// better is one that is not wrong any more; true: it has healed.
func (w *watch) better(key string, now time.Time, rest func(*cluster.Alert) health, due func(time.Time) bool) (cluster.AlertWrite, bool) {
	a, told := w.open[key]
	if !told {
		a = w.pending[key].Alert
	}
	state := rest(&a)
	if state == unsure || state == gone && !told {
		delete(w.well, key)
		delete(w.pending, key)
		return cluster.AlertWrite{}, false
	}
	since, known := w.well[key]
	if !known {
		since = now
		w.well[key] = now
	}
	if state != gone && !due(since.Add(paces[a.Kind].heal)) {
		return cluster.AlertWrite{}, false
	}
	if !told {
		w.forget(key)
		return cluster.AlertWrite{}, false
	}
	return cluster.AlertWrite{Alert: a, Heals: true, Ended: now.Sub(since)}, true
}

func (w *watch) forget(key string) {
	delete(w.pending, key)
	delete(w.well, key)
}

// wrote takes in alerts as they are stored after a write.
func (w *watch) wrote(writes []cluster.AlertWrite, stored []cluster.Alert) {
	for i := range writes {
		w.forget(writes[i].Key())
		delete(w.open, writes[i].Key())
	}
	for _, a := range stored {
		if a.Open() {
			w.open[a.Key()] = a
		}
	}
}
