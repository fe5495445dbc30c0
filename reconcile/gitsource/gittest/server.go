// Package gittest runs real git servers for tests: git's http-backend behind
// net/http, and OpenSSH's sshd.
package gittest

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Server serves git repositories on loopback until its test ends.
type Server struct {
	t       testing.TB
	root    string // of the repositories
	base    string // URL of root, no slash at its end
	options Options
	ca      string
	ssh     sshKeys
	backend http.Handler
	done    chan struct{}

	mu       sync.Mutex
	fault    *Fault
	requests []string // paths
	repos    map[string]*Repo
}

// URL is where a client finds a repository. It holds no password.
func (s *Server) URL(repo string) string { return s.base + "/" + repo + ".git" }

// CA is the certificate in PEM that an HTTPS server is to be trusted by.
func (s *Server) CA() string { return s.ca }

// KnownHosts are the lines of a known_hosts file for an SSH server.
func (s *Server) KnownHosts() string { return s.ssh.knownHosts }

// Key is the private key in PEM that an SSH server lets in.
func (s *Server) Key() string { return s.ssh.client }

// SetFault lets an HTTP server fail from now on; nil ends that. Pushes
// fail with it.
func (s *Server) SetFault(f *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Requests counts the HTTP requests so far whose path ends in suffix, pushes included.
func (s *Server) Requests(suffix string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, path := range s.requests {
		if strings.HasSuffix(path, suffix) {
			n++
		}
	}
	return n
}

func (s *Server) count(path string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, path)
	return s.fault
}

// Repo is the repository of that name, made empty at the first call.
func (s *Server) Repo(name string) *Repo {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.repos[name]; r != nil {
		return r
	}
	r := &Repo{t: s.t, server: s, Name: name, bare: filepath.Join(s.root, name+".git"), work: s.t.TempDir()}
	r.run(s.root, "init", "-q", "--bare", "-b", "main", r.bare)
	r.Config("http.receivepack", "true")
	r.run(r.work, "init", "-q", "-b", "main")
	r.run(r.work, "remote", "add", "origin", s.URL(name))
	if s.repos == nil {
		s.repos = map[string]*Repo{}
	}
	s.repos[name] = r
	return r
}

// environ lets the git program push to this server, and read nothing of the
// machine's settings.
func (s *Server) environ() []string {
	config := [][2]string{
		{"user.name", "Ada Lovelace"}, {"user.email", "ada@example.com"},
		{"http.postBuffer", "536870912"}, // CGI takes no chunked bodies
		{"gc.auto", "0"}, {"maintenance.auto", "false"}, {"commit.gpgsign", "false"},
	}
	switch {
	case s.options.Token != "":
		config = append(config, [2]string{"http.extraHeader", "Authorization: Bearer " + s.options.Token})
	case s.options.Password != "":
		config = append(config, [2]string{"http.extraHeader", basic(s.options.User, s.options.Password)})
	}
	env := append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"HTTP_PROXY=", "http_proxy=", "HTTPS_PROXY=", "https_proxy=", "ALL_PROXY=", "all_proxy=")
	env = append(env, gitConfig(config)...)
	if s.ca != "" {
		env = append(env, "GIT_SSL_CAINFO="+s.file("ca.pem", s.ca))
	}
	if s.ssh.command != "" {
		env = append(env, "GIT_SSH_COMMAND="+s.ssh.command)
	}
	return env
}

func (s *Server) file(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.root, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func command(env []string, dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, env
	return cmd.CombinedOutput()
}
