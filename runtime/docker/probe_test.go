package docker

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"maelstrom/runtime"
)

const probeSource = `package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	interfaces, _ := net.Interfaces()
	fmt.Println(os.Args[1], len(interfaces))
	if os.Args[1] == "bad" {
		os.Exit(7)
	}
}
`

// buildProbe builds a static program.
func buildProbe(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(probeSource), 0o644); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "probe")
	build := exec.Command("go", "build", "-o", path, filepath.Join(dir, "main.go"))
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

func TestProbeRunsAndLeavesNothing(t *testing.T) {
	d := newDriver(t, Options{Node: "probe-" + strings.ToLower(t.Name())})
	results, err := d.Probe(t.Context(), runtime.Probe{Program: buildProbe(t), Runs: []runtime.ProbeRun{
		{Network: "bridge", Arguments: []string{"good"}},
		{Network: "none", Arguments: []string{"bad"}},
		{Network: "no-such-network", Arguments: []string{"good"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r := results[0]; r.Err != nil || r.ExitCode != 0 || r.Output != "good 2" {
		t.Errorf("on the bridge: %+v", r)
	}
	if r := results[1]; r.Err != nil || r.ExitCode != 7 || r.Output != "bad 1" {
		t.Errorf("without a network: %+v", r)
	}
	if r := results[2]; r.Err == nil {
		t.Errorf("on a network that is not there: %+v", r)
	}
	wantNoProbes(t, d)
}

func TestProbeThatIsCutOffLeavesNothing(t *testing.T) {
	d := newDriver(t, Options{Node: "probe-" + strings.ToLower(t.Name())})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Probe(ctx, runtime.Probe{Program: buildProbe(t)}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := d.Probe(t.Context(), runtime.Probe{Program: filepath.Join(t.TempDir(), "missing")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	wantNoProbes(t, d)
}

func wantNoProbes(t *testing.T, d *Driver) {
	t.Helper()
	label := filters.NewArgs(filters.Arg("label", labelProbe+"="+d.opt.Node))
	containers, err := d.client.ContainerList(t.Context(), container.ListOptions{All: true, Filters: label})
	if err != nil || len(containers) != 0 {
		t.Errorf("containers are left: %v, %v", containers, err)
	}
	images, err := d.client.ImageList(t.Context(), image.ListOptions{All: true, Filters: label})
	if err != nil || len(images) != 0 {
		t.Errorf("images are left: %v, %v", images, err)
	}
}

func TestReadImport(t *testing.T) {
	for stream, want := range map[string]string{
		`{"status":"Importing"}{"status":"sha256:abc"}`: "sha256:abc",
		`{"status":"Importing"}`:                        "",
		`{"error":"no space left"}`:                     "",
		`<html>`:                                        "",
	} {
		id, err := readImport(strings.NewReader(stream))
		if id != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", stream, id, err)
		}
	}
}

func TestDetails(t *testing.T) {
	d := newDriver(t, Options{})
	details, err := d.Details(t.Context())
	if err != nil || details.Version == "" || details.StorageDriver == "" || !details.MemoryLimits {
		t.Errorf("%+v, %v", details, err)
	}
}
