package daemon

import (
	"context"
	"errors"
	"time"

	"maelstrom/cluster"
)

// catchUpWithin bounds the wait for a component that another node knows and
// this one does not yet.
const catchUpWithin = 2 * time.Second

// behind is a view that follows a database.
type behind interface {
	WaitFor(ctx context.Context, number int64) error
}

// ahead is the database that it follows.
type ahead interface {
	ChangeNumber(ctx context.Context) (int64, error)
}

// caughtUp asks for another node, and once more with all that the database has
// now where the answer is that the component is not known: that node may have
// read of it first.
func caughtUp(ctx context.Context, feed behind, database ahead, ask func() error) error {
	err := ask()
	if !unknown(err) {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, catchUpWithin)
	defer cancel()
	number, failed := database.ChangeNumber(limited)
	if failed == nil {
		failed = feed.WaitFor(limited, number)
	}
	if failed != nil {
		return err
	}
	return ask()
}

func unknown(err error) bool {
	var f *cluster.Failure
	return errors.Is(err, cluster.ErrNotFound) || errors.As(err, &f) && f.Reason == cluster.ReasonNotFound
}
