package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
	"maelstrom/runtime/images/registrytest"
)

// clearWithin is how long a pull that fails may take until everybody is told.
const clearWithin = 30 * time.Second

// privateRegistry is a component of which one container runs, so that it has
// to stop before a newer one starts.
type privateRegistry struct {
	*registrytest.Registry
	n *node
}

func newPrivateRegistry(t *testing.T, env ...string) privateRegistry {
	registry := registrytest.New(t)
	t.Cleanup(func() { removeImages(t, registry.Host) })
	return privateRegistry{registry, newNode(t, env...)}
}

func removeImages(t *testing.T, host string) {
	out, err := exec.Command("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", host+"/*").Output()
	for _, name := range strings.Fields(string(out)) {
		if strings.Contains(name, "<none>") {
			continue
		}
		if out, failed := exec.Command("docker", "rmi", name).CombinedOutput(); failed != nil {
			t.Errorf("remove image: %s", out)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

func (r privateRegistry) push(t *testing.T, name string) (digest string) {
	return r.Push(t, name, registrytest.Image{Program: drivertest.BuildApp(t), Note: t.Name() + name})
}

func (r privateRegistry) web(image string, login ...string) web {
	lines := []string{"maxinstances: 1", "maxconcurrency: 20"}
	if len(login) == 2 {
		lines = append(lines, "pullusername: "+login[0], "pullpassword: "+login[1])
	}
	return web{name: "web", image: image, lines: lines}
}

// A version that can't be pulled is told within 30 seconds, with what to do,
// and the one before it answers all the time.
func TestPrivateRegistry(t *testing.T) {
	t.Parallel()
	r := newPrivateRegistry(t)
	n := r.n
	way, down := registrytest.NewWay(t, r.Registry), registrytest.New(t)
	way.StallAfter(0)
	down.Stop()
	first := r.push(t, "web:1")
	n.apply(projectOf("shop", r.web(r.Host+"/web:1", registrytest.User, registrytest.Password)))
	host := r.web("").host()
	n.mustGet(host, "/")
	old := n.ps("shop_web")[0]
	if old.ImageDigest != first && !holdsWithin(patience, func() bool { return n.ps("shop_web")[0].ImageDigest == first }) {
		t.Errorf("runs %s, want %s", n.ps("shop_web")[0].ImageDigest, first)
	}
	second := r.push(t, "web:2")
	for _, c := range []struct {
		name   string
		next   web
		reason cluster.Reason
		words  []string
	}{
		{"wrong password", r.web(r.Host+"/web:2", registrytest.User, "x"), cluster.ReasonPullFailed, []string{"refuses the credentials", "`pullpassword`", "unauthorized"}},
		{"no credentials", r.web(r.Host + "/web:2"), cluster.ReasonPullFailed, []string{"refuses the credentials", "config.json", "no basic auth"}},
		{"missing tag", r.web(r.Host+"/web:9", registrytest.User, registrytest.Password), cluster.ReasonImageMissing, []string{"`image`", "manifest unknown"}},
		{"hanging registry", r.web(way.Host+"/web:2", registrytest.User, registrytest.Password), cluster.ReasonPullFailed, []string{"does not answer", "nothing came"}},
		{"registry down", r.web(down.Host+"/web:2", registrytest.User, registrytest.Password), cluster.ReasonPullFailed, []string{"does not answer", "connection refused"}},
	} {
		version := n.applyVersion(projectOf("shop", c.next))
		began := time.Now()
		told := func() bool {
			if got := n.get(host, "/"); got.status != http.StatusOK {
				t.Errorf("%s: the old version does not serve: %s", c.name, got)
			}
			r := n.component("shop_web").Rollout
			return r.State == rpc.RolloutFailed && r.Reason == c.reason && r.RetryAt != nil && containsAll(r.Message, append(c.words, version))
		}
		if !holdsWithin(clearWithin, told) {
			t.Errorf("%s: not told within %s: %+v", c.name, clearWithin, n.component("shop_web").Rollout)
		}
		t.Logf("%s: told after %s", c.name, time.Since(began).Round(100*time.Millisecond))
		if i := n.ps("shop_web"); len(i) != 1 || i[0].ContainerID != old.ContainerID || i[0].Want != cluster.WantRun {
			t.Errorf("%s: %+v", c.name, i)
		}
		if s := n.component("shop_web"); s.State != rpc.ComponentReady {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
	if strings.Contains(n.log.String(), registrytest.Password) {
		t.Error("the log shows the password")
	}
	n.apply(projectOf("shop", r.web(r.Host+"/web:2", registrytest.User, registrytest.Password)))
	if !holdsWithin(patience, func() bool {
		got := n.get(host, "/")
		i := n.component("shop_web").Images
		return got.status == http.StatusOK && len(i) == 1 && i[0].Digest == second
	}) {
		t.Errorf("after all was corrected: %s, %+v", n.get(host, "/"), n.component("shop_web"))
	}
}

func containsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// applyVersion applies and returns how messages name the new version.
func (n *node) applyVersion(yml string) string {
	n.apply(yml)
	return "version " + strconv.FormatInt(n.component("shop_web").Version, 10) + " "
}

// The daemon's user is logged in; a name that was moved on the node is noticed,
// and a restart takes what it stands for.
func TestLoginOfTheDaemonAndARetag(t *testing.T) {
	t.Parallel()
	config := t.TempDir()
	r := newPrivateRegistry(t, "MAEL_DOCKER_CONFIG="+config)
	n := r.n
	first, second := r.push(t, "web:1"), r.push(t, "web:2")
	login := exec.Command("docker", "--config", config, "login", "--username", registrytest.User, "--password-stdin", r.Host)
	login.Stdin = strings.NewReader(registrytest.Password)
	if out, err := login.CombinedOutput(); err != nil {
		t.Fatalf("docker login: %s", out)
	}
	if _, err := os.Stat(filepath.Join(config, "config.json")); err != nil {
		t.Fatal(err)
	}
	c := r.web(r.Host + "/web:1")
	n.apply(projectOf("shop", c))
	n.mustGet(c.host(), "/")
	runs := func() rpc.RunningImage {
		if i := n.component("shop_web").Images; len(i) == 1 {
			return i[0]
		}
		return rpc.RunningImage{}
	}
	n.await("the digest", patience, func() bool { return runs().Digest == first && runs().Now == "" })
	for _, args := range [][]string{{"pull", r.Host + "/web:2"}, {"tag", r.Host + "/web:2", r.Host + "/web:1"}} {
		if out, err := exec.Command("docker", append([]string{"--config", config}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("docker %s: %s", args, out)
		}
	}
	n.await("the retag", patience, func() bool { return runs().Digest == first && runs().Now != "" })
	if _, err := n.client().Restart(t.Context(), rpc.RestartRequest{Names: []string{"shop_web"}}); err != nil {
		t.Fatal(err)
	}
	n.await("what the name stands for", patience, func() bool { return runs().Digest == second && runs().Now == "" })
}
