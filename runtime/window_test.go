package runtime

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maelstrom/runtime/logring"
)

// A stream that breaks off again and again gives each line once, although two
// streams are stamped a little apart.
func TestEachLineIsTakenOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []logring.Record
		clock, swapped := time.Unix(1_000, 0).UTC(), false
		for i := range rapid.IntRange(0, 600).Draw(t, "lines") {
			clock = clock.Add(time.Duration(rapid.IntRange(1, 3).Draw(t, "later")))
			all = append(all, logring.Record{Time: clock, Stream: logring.Stdout, Text: fmt.Sprint(i % 7)})
			swapped = !swapped && i > 0 && rapid.IntRange(0, 3).Draw(t, "swap") == 0
			if swapped {
				all[i-1], all[i] = all[i], all[i-1]
			}
		}
		var taken []logring.Record
		w := new(window)
		for len(taken) < len(all) {
			if rapid.Bool().Draw(t, "restart") { // a daemon that only has what it kept
				w = new(window)
				for _, rec := range taken[max(0, len(taken)-remembered):] {
					w.add(rec)
				}
			}
			since := w.since()
			w.replay()
			left := rapid.IntRange(1, 200).Draw(t, "until it breaks")
			for _, rec := range all {
				if rec.Time.Before(since) || w.skip(rec) {
					continue
				}
				if left--; left < 0 {
					break
				}
				w.add(rec)
				taken = append(taken, rec)
			}
		}
		if !slices.Equal(taken, all) {
			t.Fatalf("%d lines were taken of %d, or in another order", len(taken), len(all))
		}
	})
}

func TestSameLinesAtTheSameTimeAreCounted(t *testing.T) {
	w := new(window)
	rec := logring.Record{Time: time.Unix(1, 0), Stream: logring.Stdout, Text: "x"}
	w.add(rec)
	w.add(rec)
	w.replay()
	if !w.skip(rec) || !w.skip(rec) || w.skip(rec) {
		t.Error("two lines were read before: two are skipped, the third is new")
	}
}

func TestLinesThatTheEngineGivesAgain(t *testing.T) {
	at := func(second int64, stream logring.Stream) logring.Record {
		return logring.Record{Time: time.Unix(second, 0), Stream: stream, Text: "x"}
	}
	w := new(window)
	w.add(at(10, logring.Stdout))
	w.add(at(12, logring.Stderr))
	for _, test := range []struct {
		rec  logring.Record
		now  int64
		want bool
	}{
		{at(9, logring.Stdout), 20, true},
		{at(10, logring.Stdout), 20, false},
		{at(11, logring.Stdout), 20, false}, // of the other stream's past
		{at(11, logring.Stderr), 20, true},
		{at(5, logring.Stdout), 6, false}, // the clock was set back
	} {
		if got := w.goesBack(test.rec, time.Unix(test.now, 0)); got != test.want {
			t.Errorf("%+v at %d: %t", test.rec, test.now, got)
		}
	}
}
