package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"maelstrom/schemas"
)

// ErrNoDatabase says that a file is not a whole database of ours that this
// program can use.
var ErrNoDatabase = errors.New("not a maelstrom database")

// FileInfo tells what an SQLite file holds.
type FileInfo struct {
	ClusterID string
	Schema    int64 // version
	Move      *Move // if it was marked
}

// CheckFile reads an SQLite file that nobody uses through, every page of it,
// and changes nothing. ErrNoDatabase tells that it can't be a database to
// start from.
func CheckFile(ctx context.Context, path string) (FileInfo, error) {
	info, err := checkFile(ctx, path)
	if err != nil {
		return FileInfo{}, fmt.Errorf("check %s: %w", path, err)
	}
	return info, nil
}

func checkFile(ctx context.Context, path string) (info FileInfo, err error) {
	stat, err := os.Stat(path)
	if err != nil {
		return info, err
	}
	if !stat.Mode().IsRegular() || stat.Size() == 0 {
		return info, fmt.Errorf("%w: it is empty, or no file", ErrNoDatabase)
	}
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		return info, fmt.Errorf("%w: a part of it is in %s-wal: it was copied from a running daemon; use maelctl admin backup", ErrNoDatabase, path)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return info, err
	}
	// Nobody writes to it, so there is no need to make files beside it.
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: absolute}).EscapedPath()}).String()+"?mode=ro&immutable=1")
	if err != nil {
		return info, err
	}
	s := &Store{dialect: sqliteDialect, writer: db, reader: db}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := s.checkIntegrity(ctx); err != nil {
		return info, err
	}
	if err := s.describe(ctx, &info); err != nil {
		return info, err
	}
	return info, nil
}

func (s *Store) checkIntegrity(ctx context.Context) error {
	var verdict string
	err := s.reader.QueryRowContext(ctx, `pragma integrity_check(1)`).Scan(&verdict)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%w: %w", ErrNoDatabase, err)
	case verdict != "ok":
		return fmt.Errorf("%w: it is damaged: %s", ErrNoDatabase, verdict)
	}
	return nil
}

func (s *Store) describe(ctx context.Context, info *FileInfo) error {
	migrations, err := loadMigrations(schemas.SQL, s.dialect.name)
	if err != nil {
		return err
	}
	if info.Schema, _, err = s.schemaVersion(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrNoDatabase, err)
	}
	if info.Schema == 0 {
		return fmt.Errorf("%w: it is an SQLite file of something else", ErrNoDatabase)
	}
	if _, err := s.pending(ctx, migrations); err != nil {
		return fmt.Errorf("%w that this program can use: %w", ErrNoDatabase, err)
	}
	if info.ClusterID, err = readClusterID(ctx, s.reader); err != nil {
		return fmt.Errorf("%w: %w", ErrNoDatabase, err)
	}
	info.Move, err = s.Move(ctx)
	return err
}
