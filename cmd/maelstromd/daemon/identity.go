package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"maelstrom/cluster"
)

// identity is who this node is in which cluster. A copy in the data directory
// lets a daemon serve what runs while the database is away.
type identity struct {
	ClusterID string `json:"cluster_id"`
	Epoch     int64  `json:"epoch"`
}

// The pace of joining. A database on this machine answers within the first
// try; a start without one goes on from the copies after it.
const (
	joinFirst = 5 * time.Second
	joinRetry = 2 * time.Second
	joinLimit = 30 * time.Second
)

func (d *dataDir) identityFile() string { return filepath.Join(d.path, "identity.json") }

func (d *dataDir) readIdentity() (*identity, error) {
	data, err := os.ReadFile(d.identityFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	var id identity
	if err := json.Unmarshal(data, &id); err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	return &id, nil
}

func (d *dataDir) writeIdentity(id identity) error {
	data, err := json.Marshal(id)
	if err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	return writeFileAtomic(d.identityFile(), append(data, '\n'), 0o600)
}

// identify finds out who this node is: from the database, or, while that is
// away, from what the last start left. Joined tells which.
func (d *Daemon) identify(ctx, base context.Context) (joined bool, err error) {
	joinErr := d.enter(ctx, joinFirst)
	d.startReading(base) // not before: a new database has no tables yet
	if joinErr == nil {
		return true, nil
	}
	if errors.As(joinErr, new(refusal)) {
		return false, joinErr
	}
	last, err := d.dir.readIdentity()
	if err != nil {
		d.log.Warn("no identity from the last start", "error", err)
	}
	if last != nil {
		d.identity.Store(last)
		d.log.Warn("database is away: serving from the copy of the last snapshot", "error", joinErr)
		return false, nil
	}
	d.log.Warn("database is away and this node has never joined: waiting", "error", joinErr)
	return true, d.joinLoop(ctx)
}

// joinLoop joins as soon as the database lets it.
func (d *Daemon) joinLoop(ctx context.Context) error {
	tick := time.NewTicker(joinRetry)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		err := d.enter(ctx, joinLimit)
		if err == nil || errors.As(err, new(refusal)) {
			return err
		}
		d.log.Debug("database is still away", "error", err)
	}
}

// join brings the schema up to date and writes this node's row, at the next
// epoch.
func (d *Daemon) join(ctx context.Context) error {
	if err := d.store.Migrate(ctx, d.node); err != nil {
		return err
	}
	if err := d.checkMove(ctx); err != nil {
		return err
	}
	if err := d.proveKey(ctx); err != nil {
		return err
	}
	clusterID, err := d.store.ClusterID(ctx)
	if err != nil {
		return err
	}
	epoch, err := d.store.JoinNode(ctx, d.status(cluster.NodeUp))
	if err != nil {
		return err
	}
	id := identity{ClusterID: clusterID, Epoch: epoch}
	d.identity.Store(&id)
	d.feed.Hint()
	return d.dir.writeIdentity(id)
}
