package daemon

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"maelstrom/cluster"
	"maelstrom/cluster/peer"
	"maelstrom/cluster/store"
)

// The copy on disk counts while the database does not tell, and only then.
func TestTheAuthorityHasACopy(t *testing.T) {
	dir, err := openDataDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	s, err := store.Open(t.Context(), store.Options{Driver: "sqlite", DSN: dir.database(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context(), "n"); err != nil {
		t.Fatal(err)
	}
	kept := authorityStore{s, dir}
	if _, err := kept.Authority(t.Context()); !errors.Is(err, cluster.ErrNotFound) {
		t.Fatalf("none yet: %v", err)
	}
	want, err := kept.KeepAuthority(t.Context(), cluster.Authority{Certificate: "certificate", SealedKey: "sealed"})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir.authority())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if err := kept.keep(cluster.Authority{Certificate: "older"}); err != nil {
		t.Fatal(err)
	}
	if got, err := kept.Authority(t.Context()); err != nil || got != want {
		t.Errorf("with the database: %+v, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := kept.Authority(t.Context()); err != nil || got.Certificate != want.Certificate {
		t.Errorf("without the database: %+v, %v", got, err)
	}
	if err := os.Remove(dir.authority()); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Authority(t.Context()); err == nil || errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("without either: %v", err)
	}
}

// A program that is checked for an upgrade must have the key.
func TestACheckTriesTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, nil)
		defer w.close()
		m := w.members[0]
		m.opt.PeerAddr, m.opt.ClusterKey = "10.0.0.1:8376", testKey
		m.join()
		opt := m.opt
		if err := Check(t.Context(), opt, nil); err != nil {
			t.Errorf("with the key: %v", err)
		}
		opt.ClusterKey = strings.Repeat("w", peer.MinKey)
		if err := Check(t.Context(), opt, nil); !errors.Is(err, peer.ErrSealed) {
			t.Errorf("with another key: %v", err)
		}
		opt.PeerAddr = ""
		if err := Check(t.Context(), opt, nil); err != nil {
			t.Errorf("without peers: %v", err)
		}
		if node := m.daemon.status(cluster.NodeUp); node.Address != "10.0.0.1:8376" {
			t.Errorf("the node tells %s", node.Address)
		}
		if _, err := os.Stat(filepath.Join(opt.DataDir, "authority.json")); err != nil {
			t.Error(err)
		}
	})
}

// Sockets that are given bear a name, or are at the address of the settings.
func TestWhichSocketIsForPeers(t *testing.T) {
	for address, fits := range map[string]map[string]bool{
		":8376":         {"10.0.0.1:8376": true, "[::]:8376": true, "10.0.0.1:8374": false},
		"10.0.0.1:8376": {"10.0.0.1:8376": true, "10.0.0.2:8376": false},
		"node1:8376":    {"10.0.0.1:8376": true},
	} {
		for given, want := range fits {
			if got := isAt(address)(netip.MustParseAddrPort(given)); got != want {
				t.Errorf("%s at %s: %v", given, address, got)
			}
		}
	}
	if !named(socketPeer) {
		t.Error("a socket unit can't name it")
	}
}
