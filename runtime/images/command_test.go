package images

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/images/registrytest"
)

func basicAuth() string { return "c29tZW9uZTpjb3JyZWN0LWhvcnNl" } // of registrytest's user

func TestPullCommand(t *testing.T) {
	registry := registrytest.New(t)
	name := registry.Host + "/web:1"
	registry.Push(t, "web:1", registrytest.Image{Note: "command"})
	config := t.TempDir()
	writeConfig(t, config, map[string]any{"auths": map[string]any{registry.Host: map[string]any{"auth": basicAuth()}}})
	t.Setenv("MAEL_API_TOKEN", "hidden-setting")
	cases := []struct {
		name    string
		allowed bool
		command []string
		words   []string // of the failure; none: it is there
	}{
		{"not allowed", false, []string{"docker", "pull", "<image>"}, []string{"MAEL_PULL_COMMAND=true", "`pullcommand`", name}},
		{"pulls", true, []string{"docker", "--config", config, "pull", "<image>"}, nil},
		{"the image anywhere in an argument", true, []string{"sh", "-c", "docker --config " + config + " pull '<image>' && test '<image>' = '" + name + "'"}, nil},
		{"without a shell", true, []string{"echo", "<image>; docker", "pull", "x"}, []string{"the pull ended well, but the image is not there"}},
		{"fails", true, []string{"sh", "-c", "echo out; echo err >&2; exit 7"}, []string{"exit status 7", "out\nerr"}},
		{"says a lot", true, []string{"sh", "-c", "yes | head -c 100000; echo the end; exit 1"}, []string{"the end"}},
		{"says the password", true, []string{"sh", "-c", "echo pull-secret; exit 1"}, []string{"***"}},
		{"sees no settings of the daemon", true, []string{"sh", "-c", "env; exit 1"}, []string{"PATH="}},
		{"no such program", true, []string{"no-such-program"}, []string{"no-such-program", "not found"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d, engine := realDepot(t, Options{PullCommand: c.allowed}, registry.Host)
			err := d.Pull(t.Context(), order(project.Component{Name: "shop_web", Image: name, PullCommand: c.command, PullPassword: "pull-secret"}))
			if engine.count() != 0 {
				t.Error("the engine pulled")
			}
			if len(c.words) == 0 {
				if err != nil || !d.here(t, name) || len(d.record.images()) != 1 {
					t.Fatalf("pull = %v, record %v", err, d.record.images())
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			var failure *cluster.Failure
			if errors.As(err, &failure) && failure.Reason != cluster.ReasonPullFailed || failure == nil && !errors.Is(err, runtime.ErrPull) {
				t.Errorf("error %#v", err)
			}
			for _, word := range c.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
			if text := err.Error(); len(text) > 3*outputTail || strings.Contains(text, "pull-secret") || strings.Contains(text, "hidden-setting") {
				t.Errorf("%d bytes: %s", len(text), text)
			}
		})
	}
}

func TestRecordThatCannotBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "images.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := openRecord(path)
	if err == nil {
		t.Error("no error")
	}
	if err := r.add(pulled{Name: "web:1", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	again, err := openRecord(path)
	if err != nil || !again.knows("1") {
		t.Errorf("%v, %+v", err, again.images())
	}
}
