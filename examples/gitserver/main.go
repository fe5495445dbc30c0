// Command gitserver serves the git repositories of a directory over HTTP, for
// trying out what maelstrom does with them. Everybody who reaches it may read
// and push, so it listens on this machine alone.
//
//	gitserver DIRECTORY [ADDRESS]
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: gitserver DIRECTORY [ADDRESS]")
	}
	address := "127.0.0.1:8418"
	if len(os.Args) > 2 {
		address = os.Args[2]
	}
	handler, err := newHandler(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("serving %s at http://%s/", os.Args[1], address)
	log.Fatal(http.ListenAndServe(address, handler))
}

// newHandler runs git's own program for its HTTP protocol.
func newHandler(dir string) (http.Handler, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", dir, err)
	}
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return nil, fmt.Errorf("find git: %w", err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=anybody"},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := measure(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		backend.ServeHTTP(w, r)
	}), nil
}

// measure gives a body of unknown length, as large pushes have, a length: CGI
// knows no other. Bodies are kept in memory for it.
func measure(r *http.Request) error {
	if r.ContentLength >= 0 {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	return nil
}
