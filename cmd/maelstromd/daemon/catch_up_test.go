package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"maelstrom/cluster"
)

// view is a feed that is behind its database.
type view struct {
	number int64
	broken error
	waited []int64
}

func (v *view) ChangeNumber(context.Context) (int64, error) { return v.number, v.broken }

func (v *view) WaitFor(_ context.Context, number int64) error {
	v.waited = append(v.waited, number)
	return nil
}

// Only what is not known is asked for twice, and only with a newer view.
func TestWhatAnotherNodeKnowsIsLookedFor(t *testing.T) {
	missing := &cluster.Failure{Reason: cluster.ReasonNotFound}
	other := &cluster.Failure{Reason: cluster.ReasonNoCapacity}
	away := errors.New("the database is away")
	for name, c := range map[string]struct {
		answers []error // to each time that is asked
		broken  error
		want    error
		waits   bool
	}{
		"known":                    {answers: []error{nil}},
		"known soon":               {answers: []error{missing, nil}, waits: true},
		"known soon, to sleep":     {answers: []error{fmt.Errorf("sleep: %w", cluster.ErrNotFound), nil}, waits: true},
		"not known":                {answers: []error{missing, missing}, want: missing, waits: true},
		"refused":                  {answers: []error{other}, want: other},
		"no database to look into": {answers: []error{missing}, broken: away, want: missing},
	} {
		v, asked := &view{number: 7, broken: c.broken}, 0
		err := caughtUp(t.Context(), v, v, func() error {
			asked++
			return c.answers[asked-1]
		})
		if !errors.Is(err, c.want) || asked != len(c.answers) || slices.Equal(v.waited, []int64{7}) != c.waits {
			t.Errorf("%s: %v after %d tries and waits for %v", name, err, asked, v.waited)
		}
	}
}
