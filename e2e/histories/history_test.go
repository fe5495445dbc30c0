package histories

import (
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"maelstrom/cluster"
)

// checkTimeout bounds the search for an order. It takes milliseconds; a history
// that takes longer is a test that went wrong.
const checkTimeout = 20 * time.Second

// ending is how an operation ended for its client.
type ending int

const (
	ok       ending = iota
	refused         // somebody else was quicker, or there is nothing to do it to
	conflict        // a version has moved
	fenced          // the role is lost
	unknown         // it may have happened, may still happen, or never will
)

func (e ending) String() string {
	return [...]string{"ok", "refused", "conflict", "fenced", "unknown"}[e]
}

// endingOf tells how a write ended. An error that doesn't say that nothing was
// written leaves it open.
func endingOf(err error) ending {
	switch {
	case err == nil:
		return ok
	case errors.Is(err, cluster.ErrFenced):
		return fenced
	case errors.Is(err, cluster.ErrConflict):
		return conflict
	case errors.Is(err, errMoved), errors.Is(err, cluster.ErrNotFound):
		return refused
	}
	return unknown
}

// history is what the clients of one object saw.
type history struct {
	start time.Time

	mu      sync.Mutex
	clients int // numbers given out
	ops     []porcupine.Operation
}

func newHistory() *history { return &history{start: time.Now()} }

// client returns a number for a client.
func (h *history) client() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients++
	return h.clients - 1
}

func (h *history) now() int64 { return int64(time.Since(h.start)) }

// add notes an operation that has just returned.
func (h *history) add(client int, called int64, input, output any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: input, Call: called, Output: output, Return: h.now()})
}

// lost notes a write whose outcome nobody knows. It goes on forever, as one of
// a client of its own.
func (h *history) lost(called int64, input, output any) {
	client := h.client()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: input, Call: called, Output: output, Return: math.MaxInt64})
}

// lostOnes counts the writes whose outcome nobody knows.
func (h *history) lostOnes() (n int) {
	for _, op := range h.ops {
		if op.Return == math.MaxInt64 {
			n++
		}
	}
	return n
}

// disorder tells why there is no order of the operations that the model
// allows; empty: there is one.
func (h *history) disorder(t *testing.T, model porcupine.Model) (why string, info porcupine.LinearizationInfo) {
	t.Helper()
	h.mu.Lock()
	ops := slices.Clone(h.ops)
	h.mu.Unlock()
	result, info := porcupine.CheckOperationsVerbose(model, ops, checkTimeout)
	switch result {
	case porcupine.Ok:
		return "", info
	case porcupine.Illegal:
		return stuck(model, ops, info), info
	}
	t.Fatalf("%d operations could not be put in order within %v: %s", len(ops), checkTimeout, picture(t, model, info))
	return "", info
}

// stuck shows the end of the longest order that is allowed, the state there,
// and what could not go on from it.
func stuck(model porcupine.Model, ops []porcupine.Operation, info porcupine.LinearizationInfo) string {
	var longest []int
	for _, orders := range info.PartialLinearizations() {
		for _, order := range orders {
			if len(order) > len(longest) {
				longest = order
			}
		}
	}
	var before, after []string
	state, placed := model.Init(), map[int]bool{}
	for _, id := range longest {
		_, state = model.Step(state, ops[id].Input, ops[id].Output)
		placed[id] = true
		before = append(before, "  "+model.DescribeOperation(ops[id].Input, ops[id].Output))
	}
	for id, op := range ops {
		if !placed[id] {
			after = append(after, "  "+model.DescribeOperation(op.Input, op.Output))
		}
	}
	before, after = slices.Compact(before), slices.Compact(after)
	before, after = before[max(0, len(before)-stuckShown):], after[:min(len(after), stuckShown)]
	return strings.Join(before, "\n") + "\nleads to " + model.DescribeState(state) +
		", and none of these can be next:\n" + strings.Join(after, "\n")
}

// stuckShown is how many operations a failure shows of each kind.
const stuckShown = 8

// check fails the test for a history that is not linearizable, and leaves a
// picture of it in a file.
func (h *history) check(t *testing.T, what, repeat string, model porcupine.Model) {
	t.Helper()
	why, info := h.disorder(t, model)
	if why == "" {
		return
	}
	t.Errorf("the history of the %s is not linearizable:\n%s\nThe whole of it: %s\nThe seed decides what is done, not what meets: repeat it with\n  %s",
		what, why, picture(t, model, info), repeat)
}

// picture writes a page that shows a history, and returns its path.
func picture(t *testing.T, model porcupine.Model, info porcupine.LinearizationInfo) string {
	t.Helper()
	f, err := os.CreateTemp("", "maelstrom-history-*.html")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(porcupine.Visualize(model, info, f), f.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
