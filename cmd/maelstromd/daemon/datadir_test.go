package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"maelstrom/cluster/rpc"
)

func openTestDir(t *testing.T, path string) *dataDir {
	t.Helper()
	dir, err := openDataDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return dir
}

func TestDataDirIsForOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "data")
	first := openTestDir(t, path)
	if _, err := openDataDir(path); !errors.Is(err, rpc.ErrDataDirInUse) {
		t.Fatalf("second open: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	openTestDir(t, path)
}

func TestNodeIDIsKept(t *testing.T) {
	path := t.TempDir()
	dir := openTestDir(t, path)
	first, err := dir.nodeID()
	if err != nil {
		t.Fatal(err)
	}
	second, err := dir.nodeID()
	if err != nil || first == "" || second != first {
		t.Errorf("got %q, then %q, %v", first, second, err)
	}
	for _, damaged := range []string{"", "two words\n", "a\nb\n"} {
		if err := os.WriteFile(filepath.Join(path, "node-id"), []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if id, err := dir.nodeID(); err == nil {
			t.Errorf("%q is taken for the id %q", damaged, id)
		}
	}
}

func TestClientFileIsPrivate(t *testing.T) {
	path := t.TempDir()
	dir := openTestDir(t, path)
	want := rpc.ClientFile{URL: "http://127.0.0.1:8374", Token: "secret"}
	if err := dir.writeClientFile(want); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(path, rpc.ClientFileName))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	got, err := rpc.ReadClientFile(path)
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestIdentityIsKept(t *testing.T) {
	dir := openTestDir(t, t.TempDir())
	if id, err := dir.readIdentity(); id != nil || err != nil {
		t.Errorf("before the first start: %v, %v", id, err)
	}
	want := identity{ClusterID: "c", Epoch: 7}
	if err := dir.writeIdentity(want); err != nil {
		t.Fatal(err)
	}
	if got, err := dir.readIdentity(); err != nil || got == nil || *got != want {
		t.Errorf("got %v, %v", got, err)
	}
}
