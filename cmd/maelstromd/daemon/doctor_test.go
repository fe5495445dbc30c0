package daemon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/peer"
	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store"
	"maelstrom/cluster/store/sqlitetest"
	"maelstrom/runtime"
)

func TestOffsetOfTheClock(t *testing.T) {
	for offset, want := range map[time.Duration]rpc.CheckStatus{
		0: rpc.CheckOK, 900 * time.Millisecond: rpc.CheckOK, -2 * time.Second: rpc.CheckWarning,
		time.Minute: rpc.CheckFailed, -time.Hour: rpc.CheckFailed,
	} {
		if c := judgeOffset("clock", offset); c.Status != want || (c.Advice == "") != (want == rpc.CheckOK) {
			t.Errorf("%s: %+v", offset, c)
		}
	}
}

func TestTLSToTheDatabaseIsJudged(t *testing.T) {
	for _, row := range []struct {
		driver, dsn string
		want        rpc.CheckStatus // empty: nothing to look at
	}{
		{"sqlite", "", ""},
		{"postgres", "postgres://u:hush@db.internal/shop?sslmode=verify-full", rpc.CheckOK},
		{"postgres", "postgres://u:hush@127.0.0.1/shop?sslmode=disable", rpc.CheckOK},
		{"mysql", "u:hush@tcp(db.internal)/shop", rpc.CheckFailed},
	} {
		d := &doctor{Daemon: &Daemon{opt: Options{SQLDriver: row.driver, SQLDSN: row.dsn}}}
		var got rpc.Check
		if checks := d.databaseTLS(); len(checks) > 0 {
			got = checks[0]
		}
		if got.Status != row.want || strings.Contains(got.Found+got.Advice, "hush") {
			t.Errorf("%s: %+v", row.dsn, got)
		}
	}
}

// A daemon that can't go on, so that no database is needed, has said it before.
func TestAStartTellsOfADatabaseThatIsTalkedToUnencrypted(t *testing.T) {
	for dsn, want := range map[string]bool{"u:hush@tcp(db.internal)/shop": true, "u:hush@tcp(127.0.0.1)/shop": false} {
		var log bytes.Buffer
		opt := DefaultOptions()
		opt.DataDir, opt.SQLDriver, opt.SQLDSN, opt.PublicPort, opt.PrivatePort = t.TempDir(), "mysql", dsn, 1, 2
		w := &world{t: t, net: newNetwork(), log: slog.New(slog.NewTextHandler(&log, nil))}
		w.adapt = func(s *Surroundings) {
			s.OpenStore = func(context.Context, store.Options) (*store.Store, error) { return nil, errors.New("away") }
		}
		d := newDaemon(opt, w.surroundings().withDefaults(opt))
		if err := d.open(t.Context()); err == nil {
			t.Error("opened")
		}
		told := log.String()
		if got := strings.Contains(told, "database on another machine may be talked to unencrypted"); got != want || strings.Contains(told, "hush") {
			t.Errorf("%s: told %v: %s", dsn, got, told)
		}
	}
}

// Who looks changes nothing: an authority that is gone stays gone.
func TestDoctorMakesNoAuthority(t *testing.T) {
	authority, err := peer.OpenAuthority(t.Context(), peer.AuthorityOptions{Store: new(keptAuthority), Key: fleetKey, Node: "n", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	d := &doctor{Daemon: &Daemon{node: "n", store: sqlitetest.Open(t), opt: Options{ClusterKey: fleetKey}, log: slog.New(slog.DiscardHandler)}}
	d.authority.Store(authority)
	if c := d.peerKey(t.Context()); c.Status != rpc.CheckFailed || c.Advice == "" {
		t.Errorf("without an authority: %+v", c)
	}
	if _, err := d.store.Authority(t.Context()); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("the database has an authority: %v", err)
	}
	if err := keepCheapAuthority(t.Context(), d.store); err != nil {
		t.Fatal(err)
	}
	if c := d.peerKey(t.Context()); c.Status != rpc.CheckOK {
		t.Errorf("with one: %+v", c)
	}
	d.opt.ClusterKey = "another key, of thirty-two characters"
	if c := d.peerKey(t.Context()); c.Status != rpc.CheckFailed {
		t.Errorf("with another key: %+v", c)
	}
}

func TestEngineIsJudged(t *testing.T) {
	statuses := func(e runtime.EngineDetails) (list []rpc.CheckStatus) {
		for _, c := range judgeEngine(e) {
			list = append(list, c.Status)
		}
		return list
	}
	for _, row := range []struct {
		engine runtime.EngineDetails
		want   []rpc.CheckStatus
	}{
		{runtime.EngineDetails{StorageDriver: "overlay2", MemoryLimits: true}, []rpc.CheckStatus{"ok", "ok"}},
		{runtime.EngineDetails{StorageDriver: "vfs"}, []rpc.CheckStatus{"warning", "failed"}},
		{runtime.EngineDetails{MemoryLimits: true, Warnings: []string{"no swap limit"}}, []rpc.CheckStatus{"ok", "ok", "warning"}},
	} {
		if got := statuses(row.engine); !slices.Equal(got, row.want) {
			t.Errorf("%+v: %v", row.engine, got)
		}
	}
}

func TestProbesAreJudged(t *testing.T) {
	d := &doctor{Daemon: &Daemon{opt: Options{PrivatePort: 8374}}}
	bridge := runtime.Bridge{Network: "bridge", Gateway: netip.MustParseAddr("127.0.0.1")}
	for want, result := range map[rpc.CheckStatus]runtime.ProbeResult{
		rpc.CheckOK:      {},
		rpc.CheckFailed:  {ExecResult: runtime.ExecResult{ExitCode: 1, Output: "timeout"}},
		rpc.CheckSkipped: {Err: errors.New("no room")},
	} {
		if c := d.judgeProbe(bridge, "http://127.0.0.1:8374/x", result); c.Status != want {
			t.Errorf("%+v: %+v", result, c)
		}
	}
	if advice := allowAdvice(bridge, 8374); !strings.Contains(advice, "allow in on lo to 127.0.0.1 port 8374") {
		t.Error(advice)
	}
	bridge.Gateway = netip.MustParseAddr("192.0.2.77")
	if advice := allowAdvice(bridge, 8374); !strings.Contains(advice, "<interface of bridge>") {
		t.Error(advice)
	}
}

func TestOnlyAStaticProgramIsProbedWith(t *testing.T) {
	script := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if checkStatic(script) == nil || checkStatic(script+"x") == nil {
		t.Error("a script and nothing at all are static programs")
	}
	if err := checkStatic("/bin/sh"); !errors.Is(err, errDynamic) {
		t.Errorf("/bin/sh: %v", err)
	}
}
