package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"maelstrom/cluster"
)

const selectAuthority = `select certificate, sealed_key, created_at from mael_authority where id = 1`

// Authority returns the cluster's authority. ErrNotFound if there is none, or
// this release has not migrated the database yet.
func (s *Store) Authority(ctx context.Context) (cluster.Authority, error) {
	a, err := scanAuthority(s.reader.QueryRowContext(ctx, selectAuthority))
	if s.dialect.classify(err) == classNoTable {
		err = cluster.ErrNotFound
	}
	if err != nil {
		return cluster.Authority{}, fmt.Errorf("read authority: %w", err)
	}
	return a, nil
}

// KeepAuthority stores an authority, with the database's time, unless there is
// one, and returns the one that is there then.
func (s *Store) KeepAuthority(ctx context.Context, offered cluster.Authority) (kept cluster.Authority, err error) {
	_, err = s.write(ctx, writeOptions{durable: true, rereads: true}, func(t *tx) error {
		kept, err = scanAuthority(t.row(ctx, selectAuthority))
		if !errors.Is(err, cluster.ErrNotFound) {
			return err
		}
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		kept = offered
		kept.CreatedAt = moment(micros(now))
		return t.insert(ctx, "mael_authority", []string{"id", "certificate", "sealed_key", "created_at"},
			[][]any{{1, kept.Certificate, kept.SealedKey, micros(now)}})
	})
	if err != nil {
		return cluster.Authority{}, fmt.Errorf("keep authority: %w", err)
	}
	return kept, nil
}

// ResealAuthority stores the authority's private key sealed in another way,
// unless another one is stored than the caller has read: ErrConflict.
func (s *Store) ResealAuthority(ctx context.Context, read cluster.Authority, sealedKey string) error {
	_, err := s.write(ctx, writeOptions{durable: true, rereads: true}, func(t *tx) error {
		stored, err := scanAuthority(t.row(ctx, selectAuthority))
		switch {
		case err != nil:
			return err
		case stored.Certificate == read.Certificate && stored.SealedKey == sealedKey:
			return nil // by this very call, whose commit was in doubt
		case stored.Certificate != read.Certificate || stored.SealedKey != read.SealedKey:
			return fmt.Errorf("%w: it was changed meanwhile", cluster.ErrConflict)
		}
		n, err := t.put(ctx, "mael_authority", `update mael_authority set sealed_key = ? where id = 1 and sealed_key = ?`, sealedKey, read.SealedKey)
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: it was changed meanwhile", cluster.ErrConflict)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("reseal authority: %w", err)
	}
	return nil
}

func scanAuthority(row *sql.Row) (a cluster.Authority, err error) {
	var created int64
	err = row.Scan(&a.Certificate, &a.SealedKey, &created)
	if errors.Is(err, sql.ErrNoRows) {
		err = cluster.ErrNotFound
	}
	a.CreatedAt = moment(created)
	return a, err
}
