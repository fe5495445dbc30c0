package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// SQLite serves one daemon. One writer connection, so that writers queue in
// this process instead of meeting SQLITE_BUSY; BEGIN IMMEDIATE, so that a
// transaction never finds out at its first write that it read too early.
//
// synchronous=NORMAL: a killed process loses nothing, a power cut may lose the
// last commits but never tears the file. What a power cut can take back are
// facts about containers and leases, and it ended those containers as well.
// What people were told is stored is committed with FULL.
var sqliteDialect = &dialect{
	name:     "sqlite",
	open:     openSQLite,
	reads:    sql.TxOptions{ReadOnly: true},
	durable:  `pragma synchronous = full`,
	relaxed:  `pragma synchronous = normal`,
	classify: classifySQLite,
}

func openSQLite(ctx context.Context, dsn string) (writer, reader *sql.DB, err error) {
	path, _, _ := strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return nil, nil, fmt.Errorf("database %q is not a file", dsn)
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, nil, err
	}
	// The file and, following it, the write-ahead log hold secrets.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return nil, nil, err
	}
	file := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String()
	writer, err = sql.Open("sqlite", file+"?_txlock=immediate&_pragma=busy_timeout(5000)"+
		"&_pragma=journal_mode(wal)&_pragma=synchronous(normal)")
	if err != nil {
		return nil, nil, err
	}
	writer.SetMaxOpenConns(1)
	// The first connection makes the file and its log, which readers can't.
	if err := writer.PingContext(ctx); err != nil {
		return nil, nil, errors.Join(err, writer.Close())
	}
	reader, err = sql.Open("sqlite", file+"?mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(1)")
	if err != nil {
		return nil, nil, errors.Join(err, writer.Close())
	}
	reader.SetMaxOpenConns(4)
	return writer, reader, nil
}

func classifySQLite(err error) errorClass {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return classOther
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return classUnique
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_ERROR:
		switch {
		case strings.Contains(e.Error(), "no such table"):
			return classNoTable
		case strings.Contains(e.Error(), "duplicate column name"):
			return classThere
		}
	case sqlite3.SQLITE_BUSY:
		return classBusy
	case sqlite3.SQLITE_LOCKED:
		return classConflict
	}
	return classOther
}
