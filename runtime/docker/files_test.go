package docker

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/drivertest"
)

// fileInside is what the test program says of a file in its container.
type fileInside struct {
	Content  []byte
	Mode     string
	Writable bool
}

func readInside(t *testing.T, c runtime.Container, path string) fileInside {
	t.Helper()
	answers(t, c.Address)
	answer, err := http.Get("http://" + c.Address + "/file?path=" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var file fileInside
	if err := json.NewDecoder(answer.Body).Decode(&file); err != nil {
		t.Fatalf("%s: %s, %v", path, answer.Status, err)
	}
	return file
}

func entries(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestFilesAreMountedForReading(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "files")
	d := newDriver(t, Options{FilesDir: dir})
	spec := drivertest.SpecOf(component(t, func(c *project.Component) {
		c.Files = []project.FileMount{
			{Target: "/etc/web/app.conf", Content: []byte("a=1\n")},
			{Target: "/key", Content: []byte{0, 1, 0xff}, Mode: "440", Sensitive: true},
		}
	}))
	c, err := d.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "app.conf", readInside(t, c, "/etc/web/app.conf"), fileInside{Content: []byte("a=1\n"), Mode: "0444"})
	same(t, "key", readInside(t, c, "/key"), fileInside{Content: []byte{0, 1, 0xff}, Mode: "0440"})

	if _, err := d.Start(t.Context(), spec); err == nil {
		t.Fatal("a second start of the placement went well")
	}
	if _, err := d.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "key after a second start and a list", readInside(t, c, "/key"), fileInside{Content: []byte{0, 1, 0xff}, Mode: "0440"})
	if err := d.Stop(t.Context(), c.ID, 0); err != nil {
		t.Fatal(err)
	}
	same(t, "directories left", entries(t, dir), 0)
}

func TestFilesOfAFailedStartGo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "files")
	d := newDriver(t, Options{FilesDir: dir})
	spec := drivertest.SpecOf(component(t, func(c *project.Component) {
		c.Image = "drivertest-there-is-no-such-image"
		c.Files = []project.FileMount{{Target: "/a", Content: []byte("x")}}
	}))
	if _, err := d.Start(t.Context(), spec); err == nil {
		t.Fatal("an image that is not there was started")
	}
	same(t, "directories left", entries(t, dir), 0)
}

// What a daemon that was killed has left goes at the next look.
func TestFilesWithoutContainerAreSwept(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "gone"), 0o700); err != nil {
		t.Fatal(err)
	}
	d := newDriver(t, Options{FilesDir: dir})
	if _, err := d.files.prepare("starting", []project.FileMount{{Target: "/a", Mode: "0444"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "directories left", entries(t, dir), 1)
	if err := d.files.started("starting", false); err != nil {
		t.Fatal(err)
	}
	same(t, "directories left in the end", entries(t, dir), 0)
}
