package registrytest

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	goruntime "runtime"
	"strings"
	"testing"
)

// Image is an image FROM scratch.
type Image struct {
	Program []byte // at /app, its entry point; empty: an image that can only be pulled
	Note    string // anything, to make images differ
	Bytes   int    // of random content, so that a pull takes a while
}

const mediaTypes = "application/vnd.docker."

// Push stores an image as repository:tag and returns its digest. No engine has
// it then.
func (r *Registry) Push(t testing.TB, name string, i Image) string {
	t.Helper()
	repository, tag, _ := strings.Cut(name, ":")
	var layers []map[string]any
	var ids []string
	for _, layer := range i.layers(t) {
		ids = append(ids, digestOf(layer))
		layers = append(layers, r.upload(t, repository, "image.rootfs.diff.tar", layer))
	}
	settings := map[string]any{"Labels": map[string]string{"note": i.Note}}
	if len(i.Program) > 0 {
		settings["Entrypoint"] = []string{"/app"}
	}
	config := encode(t, map[string]any{
		"architecture": goruntime.GOARCH, "os": "linux", "config": settings,
		"rootfs": map[string]any{"type": "layers", "diff_ids": ids},
	})
	manifest := encode(t, map[string]any{
		"schemaVersion": 2, "mediaType": mediaTypes + "distribution.manifest.v2+json",
		"config": r.upload(t, repository, "container.image.v1+json", config), "layers": layers,
	})
	r.ask(t, http.MethodPut, "http://"+r.Host+"/v2/"+repository+"/manifests/"+tag, manifest)
	return digestOf(manifest)
}

func (i Image) layers(t testing.TB) [][]byte {
	t.Helper()
	layers := [][]byte{layer(t, "note", []byte(i.Note))}
	if len(i.Program) > 0 {
		layers = append(layers, layer(t, "app", i.Program))
	}
	if i.Bytes > 0 {
		content := make([]byte, i.Bytes)
		if _, err := rand.Read(content); err != nil {
			t.Fatal(err)
		}
		layers = append(layers, layer(t, "content", content))
	}
	return layers
}

func layer(t testing.TB, name string, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	files := tar.NewWriter(&out)
	if err := files.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(body))}); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// upload stores a blob and returns how a manifest refers to it.
func (r *Registry) upload(t testing.TB, repository, kind string, blob []byte) map[string]any {
	t.Helper()
	digest := digestOf(blob)
	begun := r.ask(t, http.MethodPost, "http://"+r.Host+"/v2/"+repository+"/blobs/uploads/", nil)
	where := begun.Get("Location")
	separator := "?"
	if strings.Contains(where, "?") {
		separator = "&"
	}
	r.ask(t, http.MethodPut, where+separator+"digest="+digest, blob)
	return map[string]any{"mediaType": mediaTypes + kind, "size": len(blob), "digest": digest}
}

func (r *Registry) ask(t testing.TB, method, url string, body []byte) http.Header {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(User, Password)
	req.Header.Set("Content-Type", "application/octet-stream")
	if strings.Contains(url, "/manifests/") {
		req.Header.Set("Content-Type", mediaTypes+"distribution.manifest.v2+json")
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %s %s", method, url, answer.Status, text)
	}
	return answer.Header
}

func encode(t testing.TB, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func digestOf(blob []byte) string {
	sum := sha256.Sum256(blob)
	return fmt.Sprintf("sha256:%s", hex.EncodeToString(sum[:]))
}
