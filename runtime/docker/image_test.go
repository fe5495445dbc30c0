package docker

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/image"

	"maelstrom/runtime"
)

// testRegistry serves one image to one user, in the registry protocol's own words.
type testRegistry struct {
	blobs    map[string][]byte // by digest
	manifest []byte
}

const (
	registryUser     = "someone"
	registryPassword = "secret"
)

func newRegistry(t *testing.T) string {
	t.Helper()
	var layer bytes.Buffer
	files := tar.NewWriter(&layer)
	if err := files.WriteHeader(&tar.Header{Name: t.Name(), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	r := testRegistry{blobs: make(map[string][]byte)}
	config := fmt.Sprintf(`{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[%q]}}`, r.add(layer.Bytes()))
	const types = "application/vnd.docker."
	r.manifest = fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"size":%d,"digest":%q},"layers":[{"mediaType":%q,"size":%d,"digest":%q}]}`,
		types+"distribution.manifest.v2+json", types+"container.image.v1+json", len(config), r.add([]byte(config)),
		types+"image.rootfs.diff.tar", layer.Len(), r.add(layer.Bytes()))
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func (r testRegistry) add(blob []byte) string {
	digest := digestOf(blob)
	r.blobs[digest] = blob
	return digest
}

func digestOf(blob []byte) string {
	sum := sha256.Sum256(blob)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (r testRegistry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	user, password, _ := req.BasicAuth()
	if user != registryUser || password != registryPassword {
		w.Header().Set("Www-Authenticate", `Basic realm="test"`)
		http.Error(w, "{}", http.StatusUnauthorized)
		return
	}
	path := strings.TrimPrefix(req.URL.Path, "/v2/")
	digest := path[strings.LastIndex(path, "/")+1:]
	switch {
	case path == "":
		w.Write([]byte("{}"))
	case path == "app/manifests/1", path == "app/manifests/"+digestOf(r.manifest):
		w.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v2+json")
		w.Header().Set("Docker-Content-Digest", digestOf(r.manifest))
		w.Write(r.manifest)
	case r.blobs[digest] != nil:
		w.Write(r.blobs[digest])
	default:
		w.WriteHeader(http.StatusNotFound)
		json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]string{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}}})
	}
}

func TestPull(t *testing.T) {
	d := newDriver(t, Options{})
	host := newRegistry(t)
	name := host + "/app:1"
	for what, req := range map[string]runtime.PullRequest{
		"no credentials":    {Image: name},
		"wrong credentials": {Image: name, Username: registryUser, Password: "x"},
		"no such tag":       {Image: host + "/app:2", Username: registryUser, Password: registryPassword},
		"no such registry":  {Image: "127.0.0.1:1/app:1"},
		"no image name":     {Image: "A B"},
	} {
		if err := d.Pull(t.Context(), req); !errors.Is(err, runtime.ErrPull) || strings.Contains(err.Error(), registryPassword) {
			t.Errorf("%s: pull = %v, want ErrPull", what, err)
		}
	}
	if err := d.Pull(t.Context(), runtime.PullRequest{Image: name, Username: registryUser, Password: registryPassword}); err != nil {
		t.Fatal(err)
	}
	if present, err := d.ImagePresent(t.Context(), name); err != nil || !present {
		t.Errorf("after the pull: present = %t, %v", present, err)
	}
	if _, err := d.client.ImageRemove(t.Context(), name, image.RemoveOptions{}); err != nil {
		t.Error(err)
	}
}
