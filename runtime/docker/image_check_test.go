package docker

import (
	"errors"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/image"

	"maelstrom/runtime"
)

func TestCheckImage(t *testing.T) {
	d := newDriver(t, Options{})
	host := newRegistry(t)
	name := host + "/app:1"
	login := func(image string) runtime.PullRequest {
		return runtime.PullRequest{Image: image, Username: registryUser, Password: registryPassword}
	}
	for what, req := range map[string]runtime.PullRequest{
		"no credentials":    {Image: name},
		"wrong credentials": {Image: name, Username: registryUser, Password: "x"},
		"no such tag":       login(host + "/app:2"),
		"no such digest":    login(host + "/app@sha256:" + strings.Repeat("0", 64)),
		"no such registry":  {Image: "127.0.0.1:1/app:1"},
	} {
		if err := d.CheckImage(t.Context(), req); err == nil || strings.Contains(err.Error(), registryPassword) {
			t.Errorf("%s: %v, want an error", what, err)
		}
	}
	if err := d.CheckImage(t.Context(), login(name)); err != nil {
		t.Errorf("at the registry: %v", err)
	}
	if present, err := d.ImagePresent(t.Context(), name); err != nil || present {
		t.Fatalf("the check has fetched it: %v", err)
	}
	if err := d.Pull(t.Context(), login(name)); err != nil {
		t.Fatal(err)
	}
	if err := d.CheckImage(t.Context(), runtime.PullRequest{Image: name}); err != nil {
		t.Errorf("on this machine: %v", err)
	}
	if _, err := d.client.ImageRemove(t.Context(), name, image.RemoveOptions{}); err != nil {
		t.Error(err)
	}
	if err := d.CheckImage(t.Context(), runtime.PullRequest{Image: name}); err == nil || errors.Is(err, runtime.ErrEngineDown) {
		t.Errorf("gone again: %v", err)
	}
}
