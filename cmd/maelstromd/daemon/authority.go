package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/peer"
	"maelstrom/cluster/store"
)

// authorityWait is how long the database may take to tell the authority of a
// node that has a copy of it.
const authorityWait = 2 * time.Second

func (d *dataDir) authority() string { return filepath.Join(d.path, "authority.json") }

// authorityStore is the database with a copy on disk, as sealed as the
// original: nodes that start without the database know each other all the same.
type authorityStore struct {
	*store.Store
	dir *dataDir
}

// Authority implements peer.AuthorityStore.
func (s authorityStore) Authority(ctx context.Context) (cluster.Authority, error) {
	copied, copyErr := s.copied()
	limit := joinLimit
	if copyErr == nil {
		limit = authorityWait
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stored, err := s.Store.Authority(limited)
	switch {
	case err == nil && stored != copied:
		return stored, s.keep(stored)
	case err == nil, errors.Is(err, cluster.ErrNotFound), copyErr != nil, ctx.Err() != nil:
		return stored, err
	}
	return copied, nil
}

// KeepAuthority implements peer.AuthorityStore.
func (s authorityStore) KeepAuthority(ctx context.Context, a cluster.Authority) (cluster.Authority, error) {
	kept, err := s.Store.KeepAuthority(ctx, a)
	if err == nil {
		err = s.keep(kept)
	}
	return kept, err
}

// ResealAuthority implements peer.AuthorityStore.
func (s authorityStore) ResealAuthority(ctx context.Context, read cluster.Authority, sealedKey string) error {
	if err := s.Store.ResealAuthority(ctx, read, sealedKey); err != nil {
		return err
	}
	read.SealedKey = sealedKey
	_ = s.keep(read) // it is stored; the copy is made again within a minute
	return nil
}

func (s authorityStore) copied() (a cluster.Authority, err error) {
	data, err := os.ReadFile(s.dir.authority())
	if err == nil {
		err = json.Unmarshal(data, &a)
	}
	return a, err
}

func (s authorityStore) keep(a cluster.Authority) error {
	data, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("copy authority: %w", err)
	}
	return writeFileAtomic(s.dir.authority(), append(data, '\n'), 0o600)
}

// proveKey opens the authority before this node is one of the cluster's: who
// has another key does not get in.
func (d *Daemon) proveKey(ctx context.Context) error {
	if d.opt.PeerAddr == "" || d.authority.Load() != nil {
		return nil
	}
	err := d.openAuthority(ctx)
	if errors.Is(err, peer.ErrSealed) {
		return refusal{err}
	}
	return err
}

func (d *Daemon) openAuthority(ctx context.Context) error {
	opened, err := peer.OpenAuthority(ctx, peer.AuthorityOptions{
		Store: authorityStore{d.store, d.dir}, Key: d.opt.ClusterKey, Node: d.node, Logger: d.part("authority"),
	})
	if err == nil {
		d.authority.CompareAndSwap(nil, opened) // the join and the port may both have looked
	}
	return err
}

// runAuthority opens the authority, if the start could not, serves the port
// that needs it, and renews this node's certificate until ctx ends.
func (d *Daemon) runAuthority(ctx context.Context) error {
	for d.authority.Load() == nil {
		if !sleep(ctx, joinRetry) {
			return ctx.Err()
		}
		err := d.proveKey(ctx)
		if errors.As(err, new(refusal)) {
			return err
		}
		if err != nil {
			d.log.Debug("authority is not open", "error", err)
		}
	}
	d.servePeers()
	return d.authority.Load().Run(ctx)
}

// ca is the certificate of the authority, empty while there is none.
func (d *Daemon) ca() []byte {
	if authority := d.authority.Load(); authority != nil {
		return authority.CAPEM()
	}
	return nil
}

// rekey seals the authority under another key, unless the database is about to
// be another one.
func (d *Daemon) rekey(ctx context.Context, key string) error {
	authority := d.authority.Load()
	if authority == nil {
		return fmt.Errorf("%w: this node has no authority yet", cluster.ErrNotFound)
	}
	done, err := d.declared.gate.enter()
	if err != nil {
		return err
	}
	defer done()
	return authority.Reseal(ctx, key)
}

// sleep waits unless ctx ends first.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
