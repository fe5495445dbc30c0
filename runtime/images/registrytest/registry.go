// Package registrytest is image registries for tests: a real one that asks for
// credentials, and ways to it that break.
package registrytest

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// patience bounds the wait for a registry's start.
const patience = 30 * time.Second

// The credentials of every registry.
const (
	User     = "someone"
	Password = "correct-horse"
)

// Registry is a docker-registry of its own on loopback, which engines reach
// without TLS.
type Registry struct {
	Host string // host:port

	dir string
	cmd *exec.Cmd
}

const configText = `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %[1]s/data}, delete: {enabled: true}}
http: {addr: %[2]s}
auth: {htpasswd: {realm: tests, path: %[1]s/htpasswd}}
`

// New starts a registry that ends with the test.
func New(t testing.TB) *Registry {
	t.Helper()
	r := &Registry{Host: freeAddress(t), dir: t.TempDir()}
	hash, err := bcrypt.GenerateFromPassword([]byte(Password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	r.write(t, "htpasswd", User+":"+string(hash)+"\n")
	r.write(t, "config.yml", fmt.Sprintf(configText, r.dir, r.Host))
	r.Start(t)
	t.Cleanup(r.Stop)
	return r
}

func (r *Registry) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// Start starts a stopped registry with all that it had.
func (r *Registry) Start(t testing.TB) {
	t.Helper()
	var said bytes.Buffer
	r.cmd = exec.Command("docker-registry", "serve", filepath.Join(r.dir, "config.yml"))
	r.cmd.Stdout, r.cmd.Stderr = &said, &said
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		t.Fatalf("start docker-registry: %v (make/registry.sh installs it)", err)
	}
	limit := time.After(patience)
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !r.answers() {
		select {
		case <-look.C:
		case <-limit:
			r.Stop()
			t.Fatalf("docker-registry does not answer: %s", said.String())
		}
	}
}

func (r *Registry) answers() bool {
	answer, err := http.Get("http://" + r.Host + "/v2/")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusUnauthorized
}

// Stop ends it as a crash would.
func (r *Registry) Stop() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
	r.cmd = nil
}
