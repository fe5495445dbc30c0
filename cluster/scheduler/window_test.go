package scheduler

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"maelstrom/cluster"
)

// read takes in what meters tell of one component.
func (w *Window) read(meters map[string]cluster.Meter, component string, now time.Time) {
	p := newPlanner(Input{Load: Load{Meters: meters}})
	w.take(meters, p.told(component), now)
}

// What meters tell of a component is the same whether all of them are read once,
// or each is asked for it.
func TestMetersTellTheSameReadOnceOrAsked(t *testing.T) {
	meters := map[string]cluster.Meter{}
	for n := range 20 {
		m := cluster.Meter{Epoch: int64(n), Clock: time.Duration(n), Work: map[string]float64{}}
		for c := range n % 3 {
			m.Work[fmt.Sprint("c", (n+c)%7)] = float64(n)
		}
		meters[fmt.Sprint("n", n)] = m
	}
	read, asked := newPlanner(Input{Load: Load{Meters: meters}}), newPlanner(Input{Load: Load{Meters: meters}})
	for c := range 8 {
		read.looked = append(read.looked, &component{name: fmt.Sprint("c", c)})
	}
	for _, c := range read.looked {
		a, b := read.told(c.name), asked.told(c.name)
		for _, list := range [][]Reading{a, b} {
			slices.SortFunc(list, func(a, b Reading) int { return cmp.Compare(a.Node, b.Node) })
		}
		if !slices.Equal(a, b) || c.name != "c7" && len(a) == 0 {
			t.Errorf("%s: read once %v, asked for %v", c.name, a, b)
		}
	}
	if names := slices.Sorted(maps.Keys(read.readings)); len(names) != 8 || len(asked.readings) != 0 {
		t.Errorf("reads %v once, and %v", names, asked.readings)
	}
}
