package placer

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"maelstrom/cluster"
)

// What runs and can't have another instance is told once, not at each decision,
// and is no refusal of who asks for it.
func TestWhatLacksOneMoreIsToldOnce(t *testing.T) {
	var out bytes.Buffer
	l := &loop{Placer: &Placer{
		opt: Options{Logger: slog.New(slog.NewTextHandler(&out, nil))}, refusals: map[string]refusal{},
	}}
	full := map[string]*cluster.Failure{"web": {Reason: cluster.ReasonNoCapacity, Message: "no node can run web"}}
	runs := func(string) bool { return false }
	for range 5 {
		l.keepRefusals(full, runs)
	}
	if n := strings.Count(out.String(), "can't be placed"); n != 1 || len(l.Refusals()) != 0 {
		t.Errorf("told %d times, refusals %v, want once and none", n, l.Refusals())
	}
	l.keepRefusals(full, func(string) bool { return true })
	if len(l.Refusals()) != 1 {
		t.Error("the refusal of what runs nowhere is not shown")
	}
}
