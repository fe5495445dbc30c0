package store

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Backup writes a consistent copy of a running SQLite database to a new file.
// Servers have tools of their own for it.
func (s *Store) Backup(ctx context.Context, path string) error {
	if s.dialect != sqliteDialect {
		return fmt.Errorf("back up store: %s is backed up with its own tools", s.dialect.name)
	}
	// SQLite takes an empty file for a new one; made here, it is private from
	// its first byte, and an existing one is never written over.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("back up store: %w", err)
	}
	err = f.Close()
	if err == nil {
		err = s.vacuumInto(ctx, path)
	}
	if err != nil {
		return fmt.Errorf("back up store: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// vacuumInto copies what one read transaction sees; writers go on.
func (s *Store) vacuumInto(ctx context.Context, path string) error {
	conn, err := s.reader.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// To SQLite a query that writes another file is still no query.
	if _, err := conn.ExecContext(ctx, `pragma query_only = 0`); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, `vacuum into ?`, path)
	_, back := conn.ExecContext(context.WithoutCancel(ctx), `pragma query_only = 1`)
	return errors.Join(err, back)
}
