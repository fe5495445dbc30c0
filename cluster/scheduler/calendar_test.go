package scheduler

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
)

// However components are put off, each is found when it is time, in the order of
// time, and what is out of date does not pile up.
func TestCalendarFindsWhoIsDue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var scales cluster.Map[*Scale]
		var c calendar
		due := map[string]time.Time{}
		at := func(label string) time.Time {
			return time.Unix(int64(rapid.IntRange(0, 1000).Draw(t, label)), 0)
		}
		for range rapid.IntRange(1, 40).Draw(t, "rounds") {
			changed := map[string]*Scale{}
			var dates []date
			for range rapid.IntRange(0, 12).Draw(t, "dates") {
				name := fmt.Sprint(rapid.IntRange(0, 20).Draw(t, "component"))
				if changed[name] != nil {
					continue
				}
				changed[name], due[name] = &Scale{}, at("at")
				dates = append(dates, date{at: due[name], component: name, scale: changed[name]})
			}
			scales = scales.With(changed, nil)
			kept := c
			before := lengths(kept)
			c = c.with(dates, scales)
			own, until := slices.Clone(c), at("until")
			var found []string
			last := time.Time{}
			for d, ok := own.pop(until); ok; d, ok = own.pop(until) {
				if d.at.Before(last) {
					t.Fatalf("%v comes after %v", d, last)
				}
				if last = d.at; d.stands(scales) {
					found = append(found, d.component)
				}
			}
			var want []string
			for name, at := range due {
				if !at.After(until) {
					want = append(want, name)
				}
			}
			slices.Sort(found)
			if slices.Sort(want); !slices.Equal(found, want) {
				t.Fatalf("finds %v until %s, want %v", found, until, want)
			}
			if !slices.Equal(lengths(kept), before) {
				t.Fatal("a calendar that was given has changed")
			}
			first := time.Time{}
			for _, at := range due {
				first = sooner(first, at)
			}
			if len(due) > 0 {
				if got := slices.Clone(c).next(scales); !got.Equal(first) {
					t.Fatalf("begins at %s, want %s", got, first)
				}
			}
			if all := lengths(c); len(c) > 0 && sum(all) > 4*21 {
				t.Fatalf("%v dates are kept of %d components", all, len(due))
			}
		}
	})
}

func lengths(c calendar) (all []int) {
	for _, run := range c {
		all = append(all, len(run))
	}
	return all
}

func sum(list []int) (n int) {
	for _, k := range list {
		n += k
	}
	return n
}
