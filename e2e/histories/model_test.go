package histories

import (
	"math"
	"testing"

	"github.com/anishathalye/porcupine"

	"maelstrom/cluster"
)

// event is an operation and how it ended. Events follow each other; one of
// unknown outcome may happen at any time after those before it.
type event struct{ input, output any }

func allowed(model porcupine.Model, events []event) bool {
	var ops []porcupine.Operation
	for i, e := range events {
		op := porcupine.Operation{ClientId: i, Input: e.input, Output: e.output, Call: int64(2 * i), Return: int64(2*i + 1)}
		if end(e.output) == unknown {
			op.Return = math.MaxInt64
		}
		ops = append(ops, op)
	}
	return porcupine.CheckOperations(model, ops)
}

func end(output any) ending {
	if out, is := output.(roleOutput); is {
		return out.ending
	}
	return output.(projectOutput).ending
}

// The operations on a role, by the two nodes a and b.
func seen(holder string, fence, beat int64) event {
	return event{roleInput{op: look}, roleOutput{lease: cluster.Lease{Holder: holder, Fence: fence, Beat: beat}}}
}

func takes(holder string, observed cluster.Lease, e ending) event {
	return event{roleInput{op: take, observed: observed, holder: holder}, roleOutput{ending: e}}
}

func does(op roleOp, holder string, fence int64, e ending) event {
	return event{roleInput{op: op, hold: cluster.Hold{Holder: holder, Fence: fence}}, roleOutput{ending: e}}
}

func writes(holder string, fence, version int64, e ending) event {
	return event{roleInput{op: write, hold: cluster.Hold{Holder: holder, Fence: fence}, version: version}, roleOutput{ending: e}}
}

func version(n int64) event { return event{roleInput{op: peek}, roleOutput{version: n}} }

func TestRoleModel(t *testing.T) {
	none, a1, a2 := cluster.Lease{}, cluster.Lease{Holder: "a", Fence: 1, Beat: 1}, cluster.Lease{Holder: "a", Fence: 1, Beat: 2}
	for name, c := range map[string]struct {
		allowed bool
		events  []event
	}{
		"taken, seen":               {true, []event{takes("a", none, ok), seen("a", 1, 1)}},
		"taken over":                {true, []event{takes("a", none, ok), takes("b", a1, ok), seen("b", 2, 2)}},
		"the fence stays":           {false, []event{takes("a", none, ok), takes("b", a1, ok), seen("b", 1, 2)}},
		"taken after a beat":        {false, []event{takes("a", none, ok), does(renew, "a", 1, ok), takes("b", a1, ok)}},
		"refused after a beat":      {true, []event{takes("a", none, ok), does(renew, "a", 1, ok), takes("b", a1, refused), takes("b", a2, ok)}},
		"refused without a reason":  {false, []event{takes("a", none, ok), takes("b", a1, refused)}},
		"two takers":                {false, []event{takes("a", none, ok), takes("b", none, ok)}},
		"a late renewal":            {false, []event{takes("a", none, ok), takes("b", a1, ok), does(renew, "a", 1, ok)}},
		"a late renewal refused":    {true, []event{takes("a", none, ok), takes("b", a1, ok), does(renew, "a", 1, refused)}},
		"given":                     {true, []event{takes("a", none, ok), does(give, "a", 1, ok), seen("", 1, 1)}},
		"given late":                {true, []event{takes("a", none, ok), takes("b", a1, ok), does(give, "a", 1, ok), seen("b", 2, 2)}},
		"written":                   {true, []event{takes("a", none, ok), writes("a", 1, 0, ok), version(1), seen("a", 1, 2)}},
		"written without a beat":    {false, []event{takes("a", none, ok), writes("a", 1, 0, ok), seen("a", 1, 1)}},
		"written late":              {false, []event{takes("a", none, ok), takes("b", a1, ok), writes("a", 1, 0, ok)}},
		"late and fenced":           {true, []event{takes("a", none, ok), takes("b", a1, ok), writes("a", 1, 0, fenced), version(0)}},
		"fenced while held":         {false, []event{takes("a", none, ok), writes("a", 1, 0, fenced)}},
		"written twice over one":    {false, []event{takes("a", none, ok), writes("a", 1, 0, ok), writes("a", 1, 0, ok)}},
		"conflict":                  {true, []event{takes("a", none, ok), writes("a", 1, 0, ok), writes("a", 1, 0, conflict)}},
		"conflict without a reason": {false, []event{takes("a", none, ok), writes("a", 1, 0, conflict)}},
		"claimed once":              {true, []event{takes("a", none, ok), does(claim, "a", 1, ok), does(claim, "a", 1, refused)}},
		"claimed twice":             {false, []event{takes("a", none, ok), does(claim, "a", 1, ok), does(claim, "a", 1, ok)}},
		"refused, never claimed":    {false, []event{takes("a", none, ok), does(claim, "a", 1, refused)}},
		"claimed late":              {false, []event{takes("a", none, ok), takes("b", a1, ok), does(claim, "a", 1, ok)}},
		"in doubt, happened":        {true, []event{takes("a", none, unknown), seen("a", 1, 1)}},
		"in doubt, never happened":  {true, []event{takes("a", none, unknown), seen("", 0, 0), takes("b", none, ok)}},
		"in doubt, happened later":  {true, []event{takes("a", none, unknown), seen("", 0, 0), seen("a", 1, 1)}},
		"in doubt, happened twice":  {false, []event{takes("a", none, ok), writes("a", 1, 0, unknown), version(2)}},
		"happened without a writer": {false, []event{takes("a", none, refused), seen("a", 1, 1)}},
	} {
		if got := allowed(roleModel, c.events); got != c.allowed {
			t.Errorf("%s: allowed %v", name, got)
		}
	}
}

// The operations on a project, on its first component.
func puts(image string, version, revision int64) event {
	return event{projectInput{op: put, image: image}, projectOutput{revision: revision, versions: [componentCount]int64{version}}}
}

func swaps(over int64, e ending) event {
	return event{projectInput{op: swap, image: "y", version: over},
		projectOutput{ending: e, revision: over + 1, versions: [componentCount]int64{over + 1}}}
}

func removes(revision int64, e ending) event {
	return event{projectInput{op: remove}, projectOutput{ending: e, revision: revision}}
}

func restarts(version int64, e ending) event {
	return event{projectInput{op: restart, restarted: [componentCount]bool{true}},
		projectOutput{ending: e, versions: [componentCount]int64{version}}}
}

func reads(revision int64, first componentState) event {
	return event{projectInput{op: read}, projectOutput{seen: projectState{revision: revision, components: [componentCount]componentState{first}}}}
}

func TestProjectModel(t *testing.T) {
	for name, c := range map[string]struct {
		allowed bool
		events  []event
	}{
		"put, read":              {true, []event{puts("x", 1, 1), reads(1, componentState{true, 1, "x"})}},
		"put, read before":       {false, []event{puts("x", 1, 1), reads(0, componentState{})}},
		"another's":              {false, []event{puts("x", 1, 1), reads(1, componentState{true, 1, "y"})}},
		"put twice":              {true, []event{puts("x", 1, 1), puts("y", 2, 2)}},
		"one version for two":    {false, []event{puts("x", 1, 1), puts("y", 1, 2)}},
		"one revision for two":   {false, []event{puts("x", 1, 1), puts("y", 2, 1)}},
		"swapped":                {true, []event{puts("x", 1, 1), swaps(1, ok), reads(2, componentState{true, 2, "y"})}},
		"swapped over another":   {false, []event{puts("x", 1, 1), puts("x", 2, 2), swaps(1, ok)}},
		"refused to swap":        {true, []event{puts("x", 1, 1), puts("x", 2, 2), swaps(1, refused)}},
		"refused for nothing":    {false, []event{puts("x", 1, 1), swaps(1, refused)}},
		"removed":                {true, []event{puts("x", 1, 1), removes(2, ok), reads(2, componentState{})}},
		"removed, still there":   {false, []event{puts("x", 1, 1), removes(2, ok), reads(2, componentState{true, 1, "x"})}},
		"removed, nothing there": {false, []event{removes(1, ok)}},
		"back again":             {true, []event{puts("x", 1, 1), removes(2, ok), puts("x", 2, 3)}},
		"back from the start":    {false, []event{puts("x", 1, 1), removes(2, ok), puts("x", 1, 3)}},
		"restarted":              {true, []event{puts("x", 1, 1), restarts(2, ok), reads(2, componentState{true, 2, "x"})}},
		"restarted twice as one": {false, []event{puts("x", 1, 1), restarts(2, ok), restarts(2, ok)}},
		"nothing to restart":     {true, []event{restarts(0, refused)}},
		"restarted, not there":   {false, []event{restarts(1, ok)}},
		"in doubt, happened":     {true, []event{puts("x", 1, 1), restarts(0, unknown), reads(2, componentState{true, 2, "x"})}},
		"in doubt, did not":      {true, []event{puts("x", 1, 1), restarts(0, unknown), reads(1, componentState{true, 1, "x"})}},
		"in doubt, gone again":   {false, []event{puts("x", 1, 1), restarts(0, unknown), restarts(3, ok), reads(2, componentState{true, 2, "x"})}},
	} {
		if got := allowed(projectModel, c.events); got != c.allowed {
			t.Errorf("%s: allowed %v", name, got)
		}
	}
}
