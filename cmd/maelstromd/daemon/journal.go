package daemon

import (
	"context"
	"os"

	"golang.org/x/sync/errgroup"

	"maelstrom/cluster"
	"maelstrom/cluster/journal"
	"maelstrom/cluster/roles"
)

func (d *Daemon) buildJournal() {
	name, _ := os.Hostname() // for people only
	d.recorder = journal.NewRecorder(journal.RecorderOptions{Node: d.node, Name: name, Logger: d.part("journal")}, d.store)
	d.journal = journal.New(d.recorder, d.feed, d.keeper)
}

func (d *Daemon) startJournal(base context.Context) {
	d.tasks.start(base, "journal", d.failed, func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return d.recorder.Run(ctx) })
		group.Go(func() error { return d.journal.Run(ctx) })
		return group.Wait()
	})
}

// endJournal writes down what the stop has brought.
func (d *Daemon) endJournal() {
	d.journal.Farewell()
	d.tasks.end(d.log, "journal", stepLimit)
	d.step("events are recorded", farewellLimit, d.recorder.Flush)
}

// recordedRoles are the roles of this node; who takes and loses them is
// recorded.
type recordedRoles struct {
	*roles.Keeper
	recorder *journal.Recorder
}

// Add adds a role that this node may hold, and its work.
func (r recordedRoles) Add(role string, work func(ctx context.Context, hold cluster.Hold) error) {
	r.Keeper.Add(role, r.recorder.Role(work))
}
