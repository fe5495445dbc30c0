package runtime

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

func TestReasonOfAStartFailure(t *testing.T) {
	pull := func(text string) error { return fmt.Errorf("pull app: %w: %s", ErrPull, text) }
	cases := []struct {
		err    error
		user   string
		reason cluster.Reason
	}{
		{pull("manifest for app:2 not found: manifest unknown"), "", cluster.ReasonImageMissing},
		{pull("pull access denied for app, repository does not exist or may require 'docker login'"), "", cluster.ReasonImageMissing},
		{pull("pull access denied for app, repository does not exist or may require 'docker login'"), "me", cluster.ReasonPullFailed},
		{pull("Get https://r.example/v2/: unauthorized: incorrect username or password"), "me", cluster.ReasonPullFailed},
		{pull("Get https://registry-1.docker.io/v2/: dial tcp: lookup registry-1.docker.io: no such host"), "", cluster.ReasonImageMissing},
		{pull("toomanyrequests: rate limit"), "", cluster.ReasonPullFailed},
		{pull("nothing came from the registry for 20s"), "", cluster.ReasonPullFailed},
		{fmt.Errorf("start: %w", ErrImageMissing), "", cluster.ReasonImageMissing},
		{fmt.Errorf("start: %w: dial unix", ErrEngineDown), "", cluster.ReasonEngineDown},
		{fmt.Errorf("start: %w: x", ErrInvalidSpec), "", cluster.ReasonExited},
		{fmt.Errorf("start: %w", ErrConflict), "", cluster.ReasonExited},
		{errors.New("no space left on device"), "", cluster.ReasonExited},
	}
	for _, c := range cases {
		got := startFailure(c.err, &project.Component{Image: "app", PullUsername: c.user})
		if got.Reason != c.reason || !strings.Contains(got.Message, lastPart(c.err)) {
			t.Errorf("%v (user %q): %v, want %s and the engine's text", c.err, c.user, got, c.reason)
		}
	}
}

// A failed pull is told in the registry's words, with the cause and what to do.
func TestFailedPullsNameTheCause(t *testing.T) {
	const own, hub = "registry.example:5000/shop/web:1", "web:1"
	cases := []struct {
		image, text string
		reason      cluster.Reason
		words       []string
	}{
		{own, "manifest for registry.example:5000/shop/web:1 not found: manifest unknown", cluster.ReasonImageMissing, []string{"`image`", "manifest unknown"}},
		{own, "name unknown: repository name not known to registry", cluster.ReasonImageMissing, []string{"`image`"}},
		{own, "Get \"http://registry.example:5000/v2/\": no basic auth credentials; credentials: none", cluster.ReasonPullFailed, []string{"refuses the credentials", "`pullusername`", "docker login registry.example:5000"}},
		{own, "Head: unauthorized: authentication required; credentials: registry.example in /root/.docker/config.json", cluster.ReasonPullFailed, []string{"refuses the credentials", "config.json"}},
		{hub, "pull access denied for web, repository does not exist or may require 'docker login'; credentials: none, neither", cluster.ReasonImageMissing, []string{"build or load it"}},
		{hub, "pull access denied for web, repository does not exist or may require 'docker login'; credentials: docker.io in /x", cluster.ReasonPullFailed, []string{"refuses the credentials"}},
		{own, "Get \"https://registry.example:5000/v2/\": dial tcp 192.0.2.1:5000: connect: connection refused", cluster.ReasonPullFailed, []string{"registry registry.example:5000 does not answer"}},
		{own, "Get \"https://registry.example:5000/v2/\": dial tcp: lookup registry.example: no such host", cluster.ReasonPullFailed, []string{"does not answer"}},
		{hub, "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host", cluster.ReasonImageMissing, []string{"no registry that the node reaches"}},
		{own, "nothing came from the registry for 20s", cluster.ReasonPullFailed, []string{"does not answer"}},
		{hub, "nothing came from the registry for 20s", cluster.ReasonPullFailed, []string{"does not answer"}},
		{own, "unexpected EOF", cluster.ReasonPullFailed, []string{"does not answer", "unexpected EOF"}},
		{own, "failed to register layer: Error processing tar file(exit status 1): write /x: no space left on device", cluster.ReasonPullFailed, []string{"disk", "full", "docker system df"}},
		{own, "toomanyrequests: rate limit", cluster.ReasonPullFailed, []string{"toomanyrequests"}},
		{own, "credentials: helper docker-credential-keys: it is not on the PATH of the daemon", cluster.ReasonPullFailed, []string{"docker-credential-keys"}},
	}
	for _, c := range cases {
		got := startFailure(fmt.Errorf("pull %s: %w: %s", c.image, ErrPull, c.text), &project.Component{Image: c.image})
		if got.Reason != c.reason {
			t.Errorf("%s: %s (%s), want %s", c.text, got.Reason, got.Message, c.reason)
		}
		for _, word := range append(c.words, c.text) {
			if !strings.Contains(got.Message, word) {
				t.Errorf("%q does not say %q", got.Message, word)
			}
		}
	}
}

func lastPart(err error) string {
	text := err.Error()
	return text[strings.LastIndex(text, ": ")+1:]
}

func TestRefusedSettingsNameTheKey(t *testing.T) {
	for text, key := range map[string]string{
		"driver failed: Bind for 0.0.0.0:80 failed: port is already allocated":            "`ports`",
		"invalid mount config for type \"bind\": bind source path does not exist: /srv/x": "`volumes`",
		"network lan not found": "`networkname`",
		"logger: no log driver named 'x' is registered: unknown logging driver":           "`logdriver`",
		"Minimum memory limit allowed is 6MB":                                             "`limitmemory`",
		"unable to find user bob: no matching entries in passwd file":                     "`user`",
		"OCI runtime create failed: exec: \"/run\": stat /run: no such file or directory": "`command`",
		"standard_init_linux.go: exec user process caused: exec format error":             "`image`",
		"invalid CapAdd: unknown capability: \"CAP_X\"":                                   "`capadd`",
	} {
		what, fix := explainRefusal(text, &project.Component{Name: "shop_web", Project: "shop"})
		if !strings.Contains(what, key) || !strings.Contains(what, text) {
			t.Errorf("%q does not name %s", what, key)
		}
		if !strings.HasPrefix(fix, "in maelstrom.yml, components.web") || !strings.HasSuffix(fix, "`") {
			t.Errorf("%q does not name the line", fix)
		}
	}
}

func TestBackoffStaysWithinItsBounds(t *testing.T) {
	var b backoff
	for n := range 200 {
		d := b.next()
		if d < backoffFirst*9/10 || d > backoffMost*11/10 {
			t.Fatalf("failure %d waits %s", n, d)
		}
	}
	waits := map[time.Duration]bool{}
	for range 100 {
		waits[b.next()] = true
	}
	if len(waits) < 50 {
		t.Errorf("100 failures wait %d different times: what failed together is tried together", len(waits))
	}
	b.reset()
	if d := b.next(); d > backoffFirst*11/10 {
		t.Errorf("after a reset %s", d)
	}
}
