package drivertest

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
)

// AppPath is where the test app is in its image.
const AppPath = "/app"

const dockerfile = "FROM scratch\nCOPY app " + AppPath + "\nENTRYPOINT [\"" + AppPath + "\"]\nEXPOSE 8080\nLABEL maelstrom.testapp=true\n"

var (
	buildOnce        = sync.OnceValues(func() (string, error) { return buildImage(buildAppOnce) })
	buildForeignOnce = sync.OnceValues(func() (string, error) {
		return buildImage(func() ([]byte, error) { return buildApp(foreign()) })
	})
)

// foreign is a processor that this one is not.
func foreign() string {
	if goruntime.GOARCH == "s390x" {
		return "amd64"
	}
	return "s390x"
}

// BuildForeignImage returns the name of an image whose program is for another
// processor.
func BuildForeignImage(t testing.TB) string {
	t.Helper()
	name, err := buildForeignOnce()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// BuildImage returns the name of an image of the test app (testapp/main.go
// says what it can do), which it builds unless the engine has it. The name
// holds a digest of the app, so that it never stands for an older one.
func BuildImage(t testing.TB) string {
	t.Helper()
	name, err := buildOnce()
	if err != nil {
		t.Fatalf("%v (the tests need a Docker engine: make test installs and starts one)", err)
	}
	return name
}

var buildAppOnce = sync.OnceValues(func() ([]byte, error) { return buildApp(goruntime.GOARCH) })

// BuildApp returns the test app's program, for images that tests make themselves.
func BuildApp(t testing.TB) []byte {
	t.Helper()
	program, err := buildAppOnce()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func buildImage(app func() ([]byte, error)) (string, error) {
	engine, err := dialEngine()
	if err != nil {
		return "", err
	}
	binary, err := app()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(binary, dockerfile...))
	name := "maelstrom-testapp:" + hex.EncodeToString(sum[:6])
	present, err := engine.has(name)
	if err != nil || present {
		return name, err
	}
	return name, engine.build(name, binary)
}

func buildApp(arch string) ([]byte, error) {
	_, here, _, ok := goruntime.Caller(0)
	if !ok {
		return nil, errors.New("build test app: unknown source directory")
	}
	dir, err := os.MkdirTemp("", "maelstrom-testapp-")
	if err != nil {
		return nil, fmt.Errorf("build test app: %w", err)
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "app")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, ".")
	build.Dir = filepath.Join(filepath.Dir(here), "testapp")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build test app: %w: %s", err, output)
	}
	return os.ReadFile(out)
}

// engineClient speaks the little of the engine's API that building needs. The
// full client belongs to package docker alone.
type engineClient struct{ http *http.Client }

func dialEngine() (engineClient, error) {
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = "unix:///var/run/docker.sock"
	}
	network, address, ok := strings.Cut(host, "://")
	if !ok || network != "unix" && network != "tcp" {
		return engineClient{}, fmt.Errorf("DOCKER_HOST=%s: want unix:// or tcp://", host)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return engineClient{&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}, nil
}

func (e engineClient) has(image string) (bool, error) {
	answer, err := e.http.Get("http://engine/images/" + image + "/json")
	if err != nil {
		return false, fmt.Errorf("look for image: %w", err)
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK, nil
}

func (e engineClient) build(name string, binary []byte) error {
	files, err := archive(binary)
	if err != nil {
		return fmt.Errorf("build image: %w", err)
	}
	answer, err := e.http.Post("http://engine/build?rm=1&t="+url.QueryEscape(name), "application/x-tar", files)
	if err != nil {
		return fmt.Errorf("build image: %w", err)
	}
	defer answer.Body.Close()
	messages := json.NewDecoder(answer.Body)
	for {
		var message struct{ Error, Message string }
		err := messages.Decode(&message)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("build image: %w", err)
		case message.Error+message.Message != "":
			return fmt.Errorf("build image: %s%s", message.Error, message.Message)
		}
	}
}

func archive(binary []byte) (*bytes.Buffer, error) {
	files := new(bytes.Buffer)
	w := tar.NewWriter(files)
	for _, file := range []struct {
		name string
		mode int64
		body []byte
	}{{"Dockerfile", 0o644, []byte(dockerfile)}, {"app", 0o755, binary}} {
		head := &tar.Header{Name: file.name, Mode: file.mode, Size: int64(len(file.body))}
		if err := w.WriteHeader(head); err != nil {
			return nil, err
		}
		if _, err := w.Write(file.body); err != nil {
			return nil, err
		}
	}
	return files, w.Close()
}
