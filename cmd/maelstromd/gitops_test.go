package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"maelstrom/cluster/rpc"
	"maelstrom/reconcile/gitsource/gittest"
	"maelstrom/runtime/drivertest"
)

const hookSecret = "a secret that only the git server knows"

// sourcesFile writes a file for MAEL_SOURCES.
func sourcesFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sources.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// callHook is a post-receive hook that tells the daemon of each push, signed
// as docs/gitops.md says.
func callHook(port int, source string) string {
	return fmt.Sprintf(`
body='{"ref":"refs/heads/main"}'
mac=$(printf %%s "$body" | openssl dgst -sha256 -hmac '%s' | sed 's/.*= *//')
curl -sS -X POST -H 'Content-Type: application/json' -H "X-Maelstrom-Signature: sha256=$mac" \
  --data-binary "$body" http://127.0.0.1:%d/_mael/hooks/%s`, hookSecret, port, source)
}

// A server of git and the lines of a source that reach its repository shop.
type gitServer struct {
	*gittest.Server
	keys string
}

func overHTTP(t *testing.T) gitServer {
	s := gittest.NewHTTP(t, gittest.Options{Token: "t0ken"})
	return gitServer{s, "    git:\n      url: " + s.URL("shop") + "\n      token: t0ken\n"}
}

func overSSH(t *testing.T) gitServer {
	s := gittest.NewSSH(t)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(s.Key()), 0o600); err != nil {
		t.Fatal(err)
	}
	hosts := strings.ReplaceAll(strings.TrimSpace(s.KnownHosts()), "\n", "\n        ")
	return gitServer{s, "    git:\n      url: " + s.URL("shop") + "\n      sshkeyfile: " + key + "\n      knownhosts: |\n        " + hosts + "\n"}
}

// The one promise of it all: what is pushed answers, without another command.
func TestAPushIsLive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve    func(t *testing.T) gitServer
		interval string
		hook     bool
	}{
		"http, told by a webhook": {overHTTP, "1h", true},
		"ssh, told by a webhook":  {overSSH, "1h", true},
		"http, by polling alone":  {overHTTP, "1s", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, hookPort := c.serve(t), freePort(t)
			repo := server.Repo("shop")
			first := web{name: "first", image: drivertest.BuildImage(t)}
			second := web{name: "second", image: first.image}
			repo.Push(map[string]string{"shop/maelstrom.yml": projectOf("shop", first)})
			if c.hook {
				repo.Hook(callHook(hookPort, "shop"))
			}
			n := newNode(t, "MAEL_HOOK_ADDR=127.0.0.1:"+strconv.Itoa(hookPort), "MAEL_SOURCES="+sourcesFile(t,
				"sources:\n  - name: shop\n    interval: "+c.interval+"\n    webhooksecret: "+hookSecret+"\n"+server.keys))
			n.await("what was there at the start", patience, func() bool { return n.get(first.host(), "/").status == http.StatusOK })

			commit := repo.Push(map[string]string{"shop/maelstrom.yml": projectOf("shop", first, second)})
			n.await("the new route", patience, func() bool { return n.get(second.host(), "/").status == http.StatusOK })
			if p := n.project("shop"); p.Source != "shop" || p.SourceRevision != commit || p.Revision != 2 {
				t.Errorf("project %+v, want revision 2 from %s", p, commit)
			}
			repo.Push(map[string]string{"shop/maelstrom.yml": projectOf("shop", second)})
			n.await("the old route gone", patience, func() bool { return n.get(first.host(), "/").status == http.StatusNotFound })
		})
	}
}

// project is a stored project as the API shows it.
func (n *node) project(name string) rpc.Project {
	n.t.Helper()
	detail, err := n.client().GetProject(n.t.Context(), rpc.GetProjectRequest{Name: name})
	if err != nil {
		n.t.Fatal(err)
	}
	return detail.Project
}
