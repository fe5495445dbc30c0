package rpc

import (
	"testing"
	"time"
)

// However the output is cut, and whatever of it the streams repeat, each line
// is fresh once; and little is remembered.
func TestLogCursorForgets(t *testing.T) {
	c := NewLogCursor()
	at := func(component string, second int) LogEntry {
		return LogEntry{Time: started.Add(time.Duration(second) * time.Second), Component: component, Stream: "stdout", Text: "line"}
	}
	for second := range 1000 {
		for _, component := range []string{"web", "api"} {
			if e := at(component, second); !c.Fresh(e) {
				t.Fatalf("%s, second %d: not fresh", component, second)
			}
		}
	}
	for component, at := range c.Resume() {
		if want := started.Add(999*time.Second - logOverlap); !at.Equal(want) {
			t.Errorf("%s is asked for from %s on, want %s", component, at, want)
		}
		if n := len(c.shown[component].recent); n != 11 {
			t.Errorf("%d lines of %s are remembered", n, component)
		}
	}
	for second := 989; second < 1002; second++ {
		if fresh, want := c.Fresh(at("web", second)), second > 999; fresh != want {
			t.Errorf("second %d: fresh %t", second, fresh)
		}
	}
}
