package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"

	"maelstrom/cluster/rpc"
)

const examples = "../../examples"

// example is a project of the examples that runs on a node.
type example struct {
	*node
	t    *testing.T
	host string
}

// runExample builds an example's image and applies its file, with names of
// images and volumes that nobody else has.
func runExample(t *testing.T, name string) *example {
	t.Helper()
	t.Parallel()
	n := newNode(t)
	tag := "maelstrom-" + name + ":" + n.id
	n.engine.build(t, tag, filepath.Join(examples, name))
	yml, err := os.ReadFile(filepath.Join(examples, name, "maelstrom.yml"))
	if err != nil {
		t.Fatal(err)
	}
	volume := name + "-" + n.id
	text := strings.NewReplacer(
		"image: maelstrom-"+name+":latest\n", "image: "+tag+"\n",
		"image: maelstrom-"+name+"\n", "image: "+tag+"\n",
		"source: longjob-state\n", "source: "+volume+"\n",
	).Replace(string(yml))
	t.Cleanup(func() {
		n.cleanUp() // containers go before what they use
		if _, err := n.engine.ImageRemove(context.Background(), tag, image.RemoveOptions{PruneChildren: true}); err != nil {
			t.Errorf("clean up: %v", err)
		}
		if err := n.engine.VolumeRemove(context.Background(), volume, true); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	n.apply(text)
	return &example{node: n, t: t, host: name + ".localhost"}
}

// ask checks the answer to a GET.
func (e *example) ask(path, want string) string {
	e.t.Helper()
	got := e.mustGet(e.host, path)
	if !strings.Contains(got.body, want) {
		e.t.Errorf("GET %s%s: %q, want %q", e.host, path, got.body, want)
	}
	return got.body
}

func TestExampleHello(t *testing.T) {
	e := runExample(t, "hello")
	e.ask("/", "Hello from container ")
	e.ask("/", ", version 1 of hello_hello, started ")
}

func TestExamplePrefixes(t *testing.T) {
	e := runExample(t, "prefixes")
	e.ask("/about", "prefixes_site sees /about\n")
	e.ask("/api/users", "prefixes_api sees /users\n")
}

func TestExampleCalls(t *testing.T) {
	e := runExample(t, "calls")
	e.ask("/", "quotes says: ")
	if state := e.component("calls_quotes").State; state != rpc.ComponentReady {
		t.Errorf("quotes is %s", state)
	}
}

func TestExampleCron(t *testing.T) {
	e := runExample(t, "cron")
	e.ask("/jobs/tidy", "done\n")
	e.ask("/", " GET tidy\n")
	list, err := e.client().ListEventSources(t.Context(), rpc.ListEventSourcesRequest{EventSourceFilter: rpc.EventSourceFilter{Type: "cron"}})
	if err != nil {
		t.Fatal(err)
	}
	const jobs = 3
	if len(list.EventSources) != jobs {
		t.Errorf("%d cron event sources, want %d", len(list.EventSources), jobs)
	}
	for _, source := range list.EventSources {
		if source.State != rpc.EventSourceActive || source.NextAt == nil {
			t.Errorf("es ls tells %+v", source)
		}
	}
}

func TestExampleLongjobGoesOnAfterASleep(t *testing.T) {
	e := runExample(t, "longjob")
	e.ask("/", "step 0 of 1000, sum 0\n")
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	go do(e.request(ctx, http.MethodPost, e.host, "/continue", nil))
	e.await("progress", patience, func() bool { return !strings.HasPrefix(e.get(e.host, "/").body, "step 0 ") })
	hangUp()
	if _, err := e.client().Sleep(t.Context(), rpc.SleepRequest{Name: "longjob_job"}); err != nil {
		t.Fatal(err)
	}
	e.awaitState("longjob_job", rpc.ComponentAsleep)
	if body := e.ask("/", " of 1000, sum "); strings.HasPrefix(body, "step 0 ") {
		t.Errorf("after a sleep: %s: the state is lost", body)
	}
}

// build builds the image of an example from its Dockerfile and its program.
func (e *engine) build(t *testing.T, tag, dir string) {
	t.Helper()
	dockerfile, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	name := "app"
	if bytes.Contains(dockerfile, []byte("COPY hello ")) {
		name = "hello"
	}
	program := filepath.Join(t.TempDir(), name)
	compile := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", program, "./"+dir)
	compile.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if output, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", dir, err, output)
	}
	binary, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	files := new(bytes.Buffer)
	archive := tar.NewWriter(files)
	for _, file := range []struct {
		name string
		data []byte
	}{{"Dockerfile", dockerfile}, {name, binary}} {
		err = errors.Join(err, archive.WriteHeader(&tar.Header{Name: file.name, Mode: 0o755, Size: int64(len(file.data))}))
		_, writeErr := archive.Write(file.data)
		err = errors.Join(err, writeErr)
	}
	if err := errors.Join(err, archive.Close()); err != nil {
		t.Fatal(err)
	}
	built, err := e.ImageBuild(context.Background(), files, build.ImageBuildOptions{
		Tags: []string{tag}, Remove: true,
		Labels: map[string]string{"tag": tag}, // an image of its own, which goes without taking another's
	})
	if err != nil {
		t.Fatal(err)
	}
	defer built.Body.Close()
	for messages := json.NewDecoder(built.Body); ; {
		var message struct{ Error string }
		err := messages.Decode(&message)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil || message.Error != "" {
			t.Fatalf("build %s: %v %s", tag, err, message.Error)
		}
	}
}
