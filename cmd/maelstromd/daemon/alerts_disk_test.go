package daemon

import (
	"log/slog"
	"os"
	"testing"

	"maelstrom/cluster"
	"maelstrom/runtime/fake"
)

// The row is written when a file system is full, and when it has room again,
// not each time that it was looked at.
func TestDisksAreToldOnCrossingTheLimits(t *testing.T) {
	percent := map[string]float64{}
	data := t.TempDir()
	d := &Daemon{dir: &dataDir{path: data}, log: slog.New(slog.DiscardHandler), driver: fake.New(fake.Options{Engine: fake.NewEngine(nil), DataRoot: "/dev/shm"})}
	d.opt.Images.Prune.Disk = func(path string) (float64, error) { return percent[path], nil }
	for i, step := range []struct {
		data, engine float64
		changed      bool
		full         [2]bool
	}{
		{50, 50, false, [2]bool{}},
		{84, 90, true, [2]bool{false, true}},
		{86, 84, true, [2]bool{true, true}},
		{81, 81, false, [2]bool{true, true}},
		{99, 79, true, [2]bool{true, false}},
	} {
		percent[data], percent["/dev/shm"] = step.data, step.engine
		changed := d.lookAtDisks(t.Context())
		got := *d.disks.Load()
		if changed != step.changed || len(got) != 2 || got[0].Full != step.full[0] || got[1].Full != step.full[1] || got[1].Percent != step.engine {
			t.Errorf("step %d: changed %v, %+v", i, changed, got)
		}
	}
}

func TestOneFileSystemIsOneDisk(t *testing.T) {
	dir := t.TempDir()
	d := &Daemon{dir: &dataDir{path: dir}, driver: fake.New(fake.Options{Engine: fake.NewEngine(nil), DataRoot: os.TempDir()})}
	if got := d.fileSystems(t.Context()); len(got) != 1 || got[0] != (cluster.Disk{Name: "data", Path: dir}) {
		t.Errorf("%+v", got)
	}
}
