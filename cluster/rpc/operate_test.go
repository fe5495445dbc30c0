package rpc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"maelstrom/cluster"
)

// mover is scripted.
type mover struct {
	got    MigrateRequest
	err    error
	checks []Check
}

func (m *mover) Migrate(_ context.Context, req MigrateRequest) (MigrateAnswer, error) {
	m.got = req
	return MigrateAnswer{Driver: req.Driver, Database: "db:5432/shop", Tables: []MigratedTable{{"mael_token", 2, 2}}, Rows: 2}, m.err
}

func (m *mover) MigrateStatus() MigrateStatus {
	return MigrateStatus{State: MigrateCopying, Driver: "postgres", Tables: []MigratedTable{{"mael_token", 2, 1}}}
}

func (m *mover) CancelMigrate(context.Context) (MigrateCancelAnswer, error) {
	return MigrateCancelAnswer{Driver: "postgres"}, m.err
}

func (m *mover) Examine(context.Context) []Check { return m.checks }

func TestMoveIsAskedForAndItsPasswordNotLogged(t *testing.T) {
	w, client := shop(t)
	var logged bytes.Buffer
	w.server.deps.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	req := MigrateRequest{Driver: "postgres", DSN: "postgres://mael:hunter2@db/shop", DryRun: true}
	answer, err := client.Migrate(t.Context(), req)
	if err != nil || w.mover.got != req || answer.Rows != 2 || answer.Database != "db:5432/shop" {
		t.Errorf("%+v, %v; got %+v", answer, err, w.mover.got)
	}
	status, err := client.MigrateStatus(t.Context())
	if err != nil || status.State != MigrateCopying || len(status.Tables) != 1 {
		t.Errorf("%+v, %v", status, err)
	}
	w.mover.err = cluster.ErrConflict
	if _, err := client.Migrate(t.Context(), req); !errors.Is(err, cluster.ErrConflict) {
		t.Errorf("%v", err)
	}
	if _, err := client.CancelMigrate(t.Context()); !errors.Is(err, cluster.ErrConflict) {
		t.Errorf("%v", err)
	}
	if text := logged.String(); !strings.Contains(text, "AdminService.Migrate") || strings.Contains(text, "hunter2") {
		t.Errorf("logged: %s", text)
	}
}

func TestDoctorTellsWhatItFound(t *testing.T) {
	w, client := shop(t)
	w.mover.checks = []Check{{Name: "database", Status: CheckFailed, Found: "away", Advice: "start it"}}
	answer, err := client.Doctor(t.Context())
	if err != nil || len(answer.Checks) != 1 || answer.Checks[0] != w.mover.checks[0] {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestDataDirIsLockedOnce(t *testing.T) {
	dir := t.TempDir()
	lock := mustLock(t, dir)
	if _, err := LockDataDir(dir); !errors.Is(err, ErrDataDirInUse) {
		t.Errorf("locked twice: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	defer mustLock(t, dir).Close()
	if _, err := LockDataDir(filepath.Join(dir, "missing")); err == nil || errors.Is(err, ErrDataDirInUse) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

func mustLock(t *testing.T, dir string) io.Closer {
	t.Helper()
	lock, err := LockDataDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func TestDiskIsLookedAt(t *testing.T) {
	if check := CheckDisk(t.TempDir()); check.Status == CheckSkipped || !strings.Contains(check.Found, "MiB free at") {
		t.Errorf("%+v", check)
	}
	if check := CheckDisk(filepath.Join(t.TempDir(), "missing")); check.Status != CheckSkipped || check.Found == "" {
		t.Errorf("%+v", check)
	}
}
