package reconcile

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The content that the history keeps is what is stored after the write.
func TestThePlanTellsWhatIsStoredAfterIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMemory()
		a := &Applier{Store: m}
		for range rapid.IntRange(1, 5).Draw(t, "steps") {
			p, prune := drawShop(t), rapid.Bool().Draw(t, "prune")
			out, err := a.Apply(t.Context(), Request{Project: p, Prune: prune})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(stored(m.states["shop"], "shop"), out.Write.Content); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}
