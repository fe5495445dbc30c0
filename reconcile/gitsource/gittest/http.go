package gittest

import (
	"crypto/subtle"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Options say who may use an HTTP server, and how. With no credentials
// everybody may.
type Options struct {
	Token          string // as a bearer token, or as the password of any user
	User, Password string
	TLS            bool
}

// NewHTTP starts a server that speaks git's smart protocol over HTTP until t
// ends: git's own http-backend.
func NewHTTP(t testing.TB, opt Options) *Server {
	t.Helper()
	s := &Server{t: t, root: t.TempDir(), options: opt, done: make(chan struct{})}
	s.backend = &cgi.Handler{
		Path:   httpBackend(t),
		Stderr: io.Discard,
		Env: []string{
			"GIT_PROJECT_ROOT=" + s.root, "GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "HOME=" + s.root,
		},
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	if opt.TLS {
		server.StartTLS()
		s.ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	} else {
		server.Start()
	}
	s.base = server.URL
	t.Cleanup(func() {
		close(s.done)
		server.CloseClientConnections()
		server.Close()
	})
	return s
}

func httpBackend(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatalf("git is needed: %v; install the Debian package git", err)
	}
	path := filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("git's http-backend is needed: %v", err)
	}
	return path
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	fault := s.count(r.URL.Path)
	if fault != nil && !fault.before(w, r, s.done) {
		return
	}
	if !s.options.allow(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="gittest"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	if fault != nil && fault.CutAfter > 0 && strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
		w = &cutWriter{ResponseWriter: w, left: fault.CutAfter}
	}
	s.backend.ServeHTTP(w, r)
}

func (o *Options) allow(r *http.Request) bool {
	if o.Token == "" && o.Password == "" {
		return true
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return same(token, o.Token)
	}
	user, password, _ := r.BasicAuth()
	return same(password, o.Token) || same(user, o.User) && same(password, o.Password)
}

func same(a, b string) bool {
	return b != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
