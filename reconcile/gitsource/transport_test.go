package gitsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/reconcile/gitsource/gittest"
)

type change = func(*cluster.Source, *cluster.SourceSecrets)

func TestHTTPCredentials(t *testing.T) {
	byToken := gittest.NewHTTP(t, gittest.Options{Token: "s3cret-token", TLS: true})
	byPassword := gittest.NewHTTP(t, gittest.Options{User: "ada", Password: "s3cret:word"})
	for _, s := range []*gittest.Server{byToken, byPassword} {
		s.Repo("shop").Push(map[string]string{"a": "1"})
	}
	for name, c := range map[string]struct {
		server *gittest.Server
		change change
		want   cluster.ConditionReason
		words  []string
	}{
		"token":         {server: byToken, change: func(_ *cluster.Source, h *cluster.SourceSecrets) { h.Token = "s3cret-token" }},
		"token of user": {server: byToken, change: func(s *cluster.Source, h *cluster.SourceSecrets) { s.Git.Username, h.Token = "bot", "s3cret-token" }},
		"password":      {server: byPassword, change: func(s *cluster.Source, h *cluster.SourceSecrets) { s.Git.Username, h.Password = "ada", "s3cret:word" }},
		"user in URL": {server: byPassword, change: func(s *cluster.Source, h *cluster.SourceSecrets) {
			s.Git.URL, h.Password = strings.Replace(s.Git.URL, "//", "//ada@", 1), "s3cret:word"
		}},
		"none":  {server: byToken, change: func(*cluster.Source, *cluster.SourceSecrets) {}, want: cluster.ReasonAuthFailed, words: []string{"set a token"}},
		"wrong": {server: byToken, change: func(_ *cluster.Source, h *cluster.SourceSecrets) { h.Token = "s3cret-old" }, want: cluster.ReasonAuthFailed},
		"no such": {server: byToken, change: func(s *cluster.Source, h *cluster.SourceSecrets) {
			s.Git.URL, h.Token = byToken.URL("none"), "s3cret-token"
		}, want: cluster.ReasonRefNotFound, words: []string{"no such repository"}},
		"no CA":       {server: byToken, change: func(s *cluster.Source, _ *cluster.SourceSecrets) { s.Git.CA = "" }, want: cluster.ReasonNetworkError, words: []string{"set ca"}},
		"no listener": {server: byToken, change: func(s *cluster.Source, _ *cluster.SourceSecrets) { s.Git.URL = "https://127.0.0.1:1/x" }, want: cluster.ReasonNetworkError, words: []string{"refused"}},
		"no host":     {server: byToken, change: func(s *cluster.Source, _ *cluster.SourceSecrets) { s.Git.URL = "https://nowhere.invalid/x" }, want: cluster.ReasonNetworkError},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t, c.server, "shop", c.change)
			r, err := o.Resolve(t.Context())
			if c.want != "" {
				wantReason(t, err, c.want, c.want != cluster.ReasonNetworkError, c.words...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := files(t, fetchTree(t, o, r.Revision, "").Tree)["a"]; got != "1" {
				t.Errorf("file %q", got)
			}
		})
	}
}

func TestWhatServersDoWrong(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	repo := server.Repo("shop")
	random := exec.Command("head", "-c", "300000", "/dev/urandom")
	noise, err := random.Output()
	if err != nil {
		t.Fatal(err)
	}
	commit := repo.Push(map[string]string{"a": "1", "noise": string(noise)})
	for name, c := range map[string]struct {
		fault     gittest.Fault
		want      cluster.ConditionReason
		permanent bool
		after     time.Duration
		words     []string
	}{
		"429":    {fault: gittest.Fault{Status: 429, RetryAfter: "17"}, want: cluster.ReasonNetworkError, after: 17 * time.Second, words: []string{"429"}},
		"503":    {fault: gittest.Fault{Status: 503, RetryAfter: "7200"}, want: cluster.ReasonNetworkError, after: time.Hour},
		"500":    {fault: gittest.Fault{Status: 500}, want: cluster.ReasonNetworkError, words: []string{"not now"}},
		"403":    {fault: gittest.Fault{Status: 403}, want: cluster.ReasonAuthFailed, permanent: true},
		"limits": {fault: gittest.Fault{Status: 403, RetryAfter: "5"}, want: cluster.ReasonNetworkError, after: 5 * time.Second},
		"410":    {fault: gittest.Fault{Status: 410}, want: cluster.ReasonInvalidSource, permanent: true, words: []string{"410"}},
		"200":    {fault: gittest.Fault{Status: 200}, want: cluster.ReasonInvalidSource, permanent: true, words: []string{"smart protocol", "text/plain"}},
		"circle": {fault: gittest.Fault{Status: 302, Location: "/shop.git/info/refs"}, want: cluster.ReasonInvalidSource, permanent: true, words: []string{"circles"}},
		"hang":   {fault: gittest.Fault{Hang: true}, want: cluster.ReasonNetworkError, words: []string{"no answer"}},
	} {
		t.Run(name, func(t *testing.T) {
			opt := Options{CacheDir: t.TempDir(), Timeout: time.Minute}
			if c.fault.Hang {
				opt.Timeout = 50 * time.Millisecond
			}
			o := openAt(t, New(opt), server, "shop")
			server.SetFault(&c.fault)
			defer server.SetFault(nil)
			_, err := o.Resolve(t.Context())
			if e := wantReason(t, err, c.want, c.permanent, c.words...); e.RetryAfter != c.after {
				t.Errorf("retry after %s", e.RetryAfter)
			}
			_, err = o.Fetch(t.Context(), commit, "")
			wantReason(t, err, c.want, c.permanent, c.words...)
			server.SetFault(nil)
			opt.Timeout = time.Minute
			o = openAt(t, New(opt), server, "shop")
			if got := files(t, fetchTree(t, o, commit, "").Tree)["a"]; got != "1" {
				t.Errorf("file %q afterwards", got)
			}
		})
	}
	t.Run("cut", func(t *testing.T) {
		for _, after := range []int64{1, 100, 5000, 200_000} {
			o := open(t, server, "shop")
			server.SetFault(&gittest.Fault{CutAfter: after})
			_, err := o.Fetch(t.Context(), commit, "")
			wantReason(t, err, cluster.ReasonNetworkError, false)
			server.SetFault(nil)
			if got := files(t, fetchTree(t, o, commit, "").Tree)["noise"]; got != string(noise) {
				t.Error("noise differs")
			}
		}
	})
}

func TestACancelledFetchLeavesTheCacheUsable(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	repo := server.Repo("shop")
	first := repo.Push(map[string]string{"a": "1"})
	o := open(t, server, "shop")
	tree := fetchTree(t, o, first, "").Tree
	second := repo.Push(map[string]string{"a": "2"})
	hanging := make(chan struct{})
	server.SetFault(&gittest.Fault{Hang: true, Hanging: hanging})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-hanging
		cancel()
	}()
	_, err := o.Fetch(ctx, second, first)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	server.SetFault(nil)
	if got := files(t, tree)["a"]; got != "1" {
		t.Errorf("the tree before has %q", got)
	}
	if got := files(t, fetchTree(t, o, second, first).Tree)["a"]; got != "2" {
		t.Errorf("file %q", got)
	}
}

func TestRedirects(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	server.Repo("shop").Push(map[string]string{"a": "1"})
	target, _ := url.Parse(server.URL("shop"))
	var seen atomic.Value
	seen.Store("")
	elsewhere := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		if got := r.In.Header.Get("Authorization"); got != "" {
			seen.Store(got)
		}
		r.SetURL(&url.URL{Scheme: target.Scheme, Host: target.Host})
	}})
	defer elsewhere.Close()
	var first atomic.Value
	redirector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first.Store(r.Header.Get("Authorization"))
		http.Redirect(w, r, elsewhere.URL+"/shop.git/info/refs?"+r.URL.RawQuery, http.StatusMovedPermanently)
	}))
	defer redirector.Close()

	o := open(t, server, "shop", func(s *cluster.Source, h *cluster.SourceSecrets) {
		s.Git.URL, h.Token = redirector.URL+"/old.git", "s3cret-token"
	})
	if got := files(t, fetchTree(t, o, resolve(t, o).Revision, "").Tree)["a"]; got != "1" {
		t.Errorf("file %q", got)
	}
	if first.Load() == "" {
		t.Error("the host that the token is for did not see it")
	}
	if seen.Load() != "" {
		t.Error("another host saw the token")
	}

	metadata := httptest.NewServer(http.RedirectHandler("http://169.254.169.254/info/refs", http.StatusFound))
	defer metadata.Close()
	o = open(t, server, "shop", func(s *cluster.Source, _ *cluster.SourceSecrets) { s.Git.URL = metadata.URL + "/x" })
	_, err := o.Resolve(t.Context())
	wantReason(t, err, cluster.ReasonInvalidSource, true, "169.254.169.254", "MAEL_SOURCE_NETWORKS")
}

func TestNetworksAreLimited(t *testing.T) {
	overHTTP, overSSH := gittest.NewHTTP(t, gittest.Options{}), gittest.NewSSH(t)
	networks := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	for _, s := range []*gittest.Server{overHTTP, overSSH} {
		s.Repo("shop").Push(map[string]string{"a": "1"})
		p := New(Options{CacheDir: t.TempDir(), Networks: networks})
		spec := &cluster.Source{Name: "shop", Git: &cluster.GitSource{URL: s.URL("shop"), KnownHosts: s.KnownHosts()}}
		_, err := p.Open(spec, cluster.SourceSecrets{SSHKey: s.Key()})
		wantReason(t, err, cluster.ReasonInvalidSource, true, "127.0.0.1")
		o := openAt(t, p, s, "shop", func(s *cluster.Source, _ *cluster.SourceSecrets) {
			s.Git.URL = strings.Replace(s.Git.URL, "127.0.0.1", "localhost", 1)
		})
		_, err = o.Resolve(t.Context())
		wantReason(t, err, cluster.ReasonInvalidSource, true, "127.0.0.1", "MAEL_SOURCE_NETWORKS")
	}
}

func TestSSHLogin(t *testing.T) {
	server := gittest.NewSSH(t)
	repo := server.Repo("shop")
	commit := repo.Push(map[string]string{"a": "1"})
	other := gittest.NewSSH(t)
	protected := protect(t, server.Key(), "s3cret phrase")
	for name, c := range map[string]struct {
		change    change
		want      cluster.ConditionReason
		permanent bool
		words     []string
	}{
		"key": {change: func(*cluster.Source, *cluster.SourceSecrets) {}},
		"passphrase": {change: func(_ *cluster.Source, h *cluster.SourceSecrets) {
			h.SSHKey, h.SSHPassphrase = protected, "s3cret phrase"
		}},
		"user set":      {change: func(s *cluster.Source, _ *cluster.SourceSecrets) { s.Git.URL, s.Git.Username = withoutUser(s.Git.URL) }},
		"another key":   {change: func(_ *cluster.Source, h *cluster.SourceSecrets) { h.SSHKey = other.Key() }, want: cluster.ReasonAuthFailed, permanent: true, words: []string{"SSH key"}},
		"another user":  {change: func(s *cluster.Source, _ *cluster.SourceSecrets) { s.Git.URL, _ = withoutUser(s.Git.URL) }, want: cluster.ReasonAuthFailed, permanent: true, words: []string{"as git"}},
		"unknown host":  {change: func(s *cluster.Source, _ *cluster.SourceSecrets) { s.Git.KnownHosts = "" }, want: cluster.ReasonInvalidSource, permanent: true, words: []string{"SHA256:", strings.TrimSpace(server.KnownHosts())}},
		"other's hosts": {change: func(s *cluster.Source, _ *cluster.SourceSecrets) { s.Git.KnownHosts = other.KnownHosts() }, want: cluster.ReasonInvalidSource, permanent: true, words: []string{"is not known"}},
		"no repository": {change: func(s *cluster.Source, _ *cluster.SourceSecrets) { s.Git.URL = server.URL("none") }, want: cluster.ReasonRefNotFound, permanent: true, words: []string{"none.git"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t, server, "shop", c.change)
			_, err := o.Resolve(t.Context())
			if c.want != "" {
				wantReason(t, err, c.want, c.permanent, c.words...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			fetchTree(t, o, commit, "")
		})
	}
	t.Run("changed host key", func(t *testing.T) {
		server.RotateHostKey()
		_, err := open(t, server, "shop").Resolve(t.Context())
		wantReason(t, err, cluster.ReasonHostKeyChanged, true, "known is SHA256:", "it showed SHA256:")
	})
}

func withoutUser(raw string) (string, string) {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err)
	}
	user := u.User.Username()
	u.User = nil
	return u.String(), user
}

func protect(t *testing.T, key, passphrase string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	write(t, path, key)
	if out, err := exec.Command("ssh-keygen", "-a", "1", "-p", "-f", path, "-P", "", "-N", passphrase).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return read(t, path)
}

func TestASilentSSHServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	server := gittest.NewSSH(t)
	p := New(Options{CacheDir: t.TempDir(), Timeout: 200 * time.Millisecond})
	o := openAt(t, p, server, "shop", func(s *cluster.Source, _ *cluster.SourceSecrets) {
		s.Git.URL = "ssh://git@" + listener.Addr().String() + "/x"
	})
	_, err = o.Resolve(t.Context())
	wantReason(t, err, cluster.ReasonNetworkError, false, "no answer")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = o.Resolve(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestARepositoryOfAnotherKind(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	repo := server.Repo("shop")
	repo.Git("init", "-q", "--bare", "--object-format=sha256", filepath.Join(filepath.Dir(repo.Bare()), "other.git"))
	other := t.TempDir()
	repo.Git("init", "-q", "--object-format=sha256", other)
	repo.Git("-C", other, "commit", "-q", "--allow-empty", "-m", "x")
	repo.Git("-C", other, "push", "-q", filepath.Join(filepath.Dir(repo.Bare()), "other.git"), "HEAD:main")
	_, err := open(t, server, "other").Resolve(t.Context())
	wantReason(t, err, cluster.ReasonInvalidSource, true, "SHA-256")
}

// TestProxies: the host in the URL is known to the proxy alone.
func TestProxies(t *testing.T) {
	overHTTP, overSSH := gittest.NewHTTP(t, gittest.Options{}), gittest.NewSSH(t)
	for _, s := range []*gittest.Server{overHTTP, overSSH} {
		s.Repo("shop").Push(map[string]string{"a": "1"})
	}
	viaHTTP, viaSOCKS := httpProxy(t), socksProxy(t)
	for name, c := range map[string]struct {
		server *gittest.Server
		proxy  string
		env    bool
	}{
		"http over http":      {overHTTP, viaHTTP, false},
		"http over socks":     {overHTTP, viaSOCKS, false},
		"http by environment": {overHTTP, viaHTTP, true},
		"ssh over http":       {overSSH, viaHTTP, false},
		"ssh over socks":      {overSSH, viaSOCKS, false},
	} {
		t.Run(name, func(t *testing.T) {
			if c.env {
				t.Setenv("HTTP_PROXY", c.proxy)
				t.Setenv("NO_PROXY", "")
			}
			o := open(t, c.server, "shop", func(s *cluster.Source, _ *cluster.SourceSecrets) {
				s.Git.URL = strings.Replace(s.Git.URL, "127.0.0.1", "git.invalid", 1)
				s.Git.KnownHosts = strings.Replace(s.Git.KnownHosts, "127.0.0.1", "git.invalid", 1)
				if !c.env {
					s.Git.Proxy = c.proxy
				}
			})
			if got := files(t, fetchTree(t, o, resolve(t, o).Revision, "").Tree)["a"]; got != "1" {
				t.Errorf("file %q", got)
			}
		})
	}
}

// dialLocal goes to this machine, whatever the host is.
func dialLocal(address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return net.Dial("tcp", "127.0.0.1:"+port)
}

func pipe(a, b net.Conn) {
	go func() {
		_, _ = io.Copy(a, b)
		_ = a.Close()
	}()
	_, _ = io.Copy(b, a)
	_ = b.Close()
}

func httpProxy(t *testing.T) string {
	forward := &httputil.ReverseProxy{
		Rewrite: func(*httputil.ProxyRequest) {},
		Transport: &http.Transport{DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			return dialLocal(address)
		}},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			forward.ServeHTTP(w, r)
			return
		}
		to, err := dialLocal(r.Host)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		from, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		pipe(from, to)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// socksProxy speaks as much of RFC 1928 as a client needs that shows no password.
func socksProxy(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveSOCKS(conn)
		}
	}()
	return "socks5://" + listener.Addr().String()
}

func serveSOCKS(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	head := make([]byte, 2)
	if _, err := io.ReadFull(conn, head); err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, conn, int64(head[1]))
	_, _ = conn.Write([]byte{5, 0})
	ask := make([]byte, 5)
	if _, err := io.ReadFull(conn, ask); err != nil || ask[3] != 3 {
		return
	}
	rest := make([]byte, int(ask[4])+2)
	if _, err := io.ReadFull(conn, rest); err != nil {
		return
	}
	name, port := rest[:ask[4]], rest[ask[4]:]
	to, err := dialLocal(fmt.Sprintf("%s:%d", name, int(port[0])<<8|int(port[1])))
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	pipe(conn, to)
}

func TestOpenRefuses(t *testing.T) {
	p := New(Options{CacheDir: t.TempDir()})
	key := gittest.NewSSH(t).Key()
	for name, c := range map[string]struct {
		git    cluster.GitSource
		held   cluster.SourceSecrets
		reason cluster.ConditionReason
		words  string
	}{
		"scheme":      {git: cluster.GitSource{URL: "file:///etc"}, words: "not allowed"},
		"password":    {git: cluster.GitSource{URL: "https://a:s3cret@b/c"}, words: "password"},
		"link-local":  {git: cluster.GitSource{URL: "http://169.254.169.254/latest"}, words: "169.254.169.254"},
		"CA":          {git: cluster.GitSource{URL: "https://a/b", CA: "x"}, words: "PEM"},
		"proxy":       {git: cluster.GitSource{URL: "https://a/b", Proxy: "ftp://x"}, words: "socks5"},
		"proxy login": {git: cluster.GitSource{URL: "https://a/b", Proxy: "http://a:s3cret@x"}, words: "password"},
		"no key":      {git: cluster.GitSource{URL: "git@a:b"}, reason: cluster.ReasonAuthFailed, words: "no SSH key is set"},
		"bad key":     {git: cluster.GitSource{URL: "git@a:b"}, held: cluster.SourceSecrets{SSHKey: "s3cret"}, words: "no private key"},
		"locked key":  {git: cluster.GitSource{URL: "git@a:b"}, held: cluster.SourceSecrets{SSHKey: protect(t, key, "s3cret1")}, words: "none is set"},
		"wrong phrase": {
			git: cluster.GitSource{URL: "git@a:b"}, words: "that passphrase",
			held: cluster.SourceSecrets{SSHKey: protect(t, key, "s3cret1"), SSHPassphrase: "s3cret2"},
		},
		"known hosts": {git: cluster.GitSource{URL: "git@a:b", KnownHosts: "rubbish"}, held: cluster.SourceSecrets{SSHKey: key}, words: "known hosts"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.reason == "" {
				c.reason = cluster.ReasonInvalidSource
			}
			_, err := p.Open(&cluster.Source{Name: "x", Git: &c.git}, c.held)
			wantReason(t, err, c.reason, true, c.words)
		})
	}
}

func TestWarnings(t *testing.T) {
	spec := &cluster.Source{Name: "shop", Git: &cluster.GitSource{URL: "http://127.0.0.1/x"}}
	var log strings.Builder
	p := New(Options{CacheDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if _, err := p.Open(spec, cluster.SourceSecrets{Token: "s3cret"}); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); !strings.Contains(text, "credentials are sent over HTTP") || strings.Contains(text, "s3cret") {
		t.Errorf("log %q", text)
	}
	spec.Git.URL = "https://127.0.0.1/x"
	if got := Warnings(spec, cluster.SourceSecrets{Token: "s3cret"}); got != nil {
		t.Errorf("warnings %q", got)
	}
}

func TestSecretsAreScrubbed(t *testing.T) {
	s := secrets{"", "s3cret"}
	if got := s.scrub("dial https://ada:s3cret@host/x: no s3cret at //me@there"); got != "dial https://host/x: no *** at //there" {
		t.Errorf("got %q", got)
	}
}
