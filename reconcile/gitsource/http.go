package gitsource

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"golang.org/x/net/http/httpproxy"

	"maelstrom/reconcile"
)

const uploadPack = "git-upload-pack"

// httpRemote speaks git's smart protocol over HTTP.
type httpRemote struct {
	address        address
	user, password string // sent at once: a server that asks first costs a round trip
	client         *http.Client
}

// statusError is an answer of a web server that is none of git's.
type statusError struct {
	status     int
	message    string // first line of the body
	retryAfter time.Duration
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("HTTP status %d", e.status)
	if e.message != "" {
		text += ": " + e.message
	}
	return text
}

// notGitError is a good answer that is none of git's smart protocol.
type notGitError struct {
	contentType string
}

func (e *notGitError) Error() string {
	return fmt.Sprintf("the server does not speak git's smart protocol there (it sent %q)", e.contentType)
}

// redirectError is a redirect that is not followed.
type redirectError struct {
	message string
}

func (e *redirectError) Error() string { return e.message }

type httpOptions struct {
	address        address
	user, password string
	ca, proxy      string
	networks       reconcile.Networks
}

func newHTTPRemote(opt httpOptions) (*httpRemote, error) {
	if err := opt.networks.AllowHost(opt.address.host); err != nil {
		return nil, err
	}
	transport := &http.Transport{
		DialContext:         opt.networks.Dialer(dialLimit).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		MaxIdleConnsPerHost: 1,
		ForceAttemptHTTP2:   true,
	}
	if err := trust(transport, opt.ca); err != nil {
		return nil, err
	}
	proxy, err := proxyOf(opt.proxy)
	if err != nil {
		return nil, err
	}
	transport.Proxy = func(r *http.Request) (*url.URL, error) {
		// Behind a proxy the dialer sees only the proxy.
		if err := opt.networks.AllowHost(r.URL.Hostname()); err != nil {
			return nil, err
		}
		return proxy(r.URL)
	}
	r := &httpRemote{address: opt.address, user: opt.user, password: opt.password}
	r.client = &http.Client{Transport: transport, CheckRedirect: r.checkRedirect}
	return r, nil
}

// trust adds certificates to the system's.
func trust(transport *http.Transport, ca string) error {
	if ca == "" {
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM([]byte(ca)) {
		return errors.New("ca has no certificate in PEM")
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return nil
}

// proxyOf says which proxy leads to a URL: the given one, or as the environment says.
func proxyOf(explicit string) (func(*url.URL) (*url.URL, error), error) {
	if explicit == "" {
		return httpproxy.FromEnvironment().ProxyFunc(), nil
	}
	u, err := parseProxy(explicit)
	return func(*url.URL) (*url.URL, error) { return u, nil }, err
}

func parseProxy(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, errors.New("proxy is no URL; like http://proxy.example:3128 or socks5://proxy.example:1080")
	}
	if _, has := u.User.Password(); has {
		return nil, errors.New("proxy has a password in it, which everybody who sees the source would see; use HTTPS_PROXY of the daemon's environment")
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return u, nil
	}
	return nil, fmt.Errorf("proxy has scheme %q, not http, https or socks5", u.Scheme)
}

func (r *httpRemote) authorize(req *http.Request) {
	if r.password != "" {
		req.SetBasicAuth(r.user, r.password)
	}
}

// checkRedirect follows the first query only, never from TLS to none, and
// takes the credentials off as soon as another host is asked.
func (r *httpRemote) checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case via[0].Method != http.MethodGet:
		return &redirectError{message: "the server redirects the fetch itself"}
	case len(via) >= 5:
		return &redirectError{message: "the server redirects in circles"}
	case first.Scheme == "https" && req.URL.Scheme != "https", req.URL.Scheme != "https" && req.URL.Scheme != "http":
		return &redirectError{message: fmt.Sprintf("the server redirects from %s to %s", first.Scheme, req.URL.Scheme)}
	}
	req.URL.User = nil
	for _, u := range append([]*http.Request{req}, via[1:]...) {
		if !sameOrigin(first, u.URL) {
			req.Header.Del("Authorization")
		}
	}
	return nil
}

// sameOrigin: http on its own port may become https on its own.
func sameOrigin(a, b *url.URL) bool {
	if !strings.EqualFold(a.Hostname(), b.Hostname()) {
		return false
	}
	return a.Scheme == b.Scheme && portOf(a) == portOf(b) ||
		a.Scheme == "http" && b.Scheme == "https" && portOf(a) == "80" && portOf(b) == "443"
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

type httpConversation struct {
	remote *httpRemote
	limit  *limiter
	base   string // where the query was answered, after redirects
	secret bool   // whether it may see the credentials
	adv    *packp.AdvRefs
}

func (r *httpRemote) open(ctx context.Context, limit *limiter) (conversation, error) {
	first := r.address.url() + "/info/refs?service=" + uploadPack
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, first, nil)
	if err != nil {
		return nil, errors.New("the URL can't be asked")
	}
	r.authorize(req)
	res, err := r.do(req, "application/x-"+uploadPack+"-advertisement")
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	adv, err := decodeRefs(limit.reader(res.Body))
	if err != nil {
		return nil, err
	}
	final := *res.Request.URL
	path, ok := strings.CutSuffix(final.EscapedPath(), "/info/refs")
	if !ok {
		return nil, &redirectError{message: "the server redirects to what is no repository"}
	}
	base := url.URL{Scheme: final.Scheme, Host: final.Host}
	c := &httpConversation{remote: r, limit: limit, adv: adv, base: base.String() + path}
	c.secret = sameOrigin(req.URL, &final)
	return c, nil
}

func (c *httpConversation) refs() *packp.AdvRefs { return c.adv }

func (c *httpConversation) ask(ctx context.Context, body []byte) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/"+uploadPack, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the URL can't be asked")
	}
	req.Header.Set("Content-Type", "application/x-"+uploadPack+"-request")
	if c.secret {
		c.remote.authorize(req)
	}
	res, err := c.remote.do(req, "application/x-"+uploadPack+"-result")
	if err != nil {
		return nil, err
	}
	return readCloser{Reader: c.limit.reader(res.Body), close: res.Body.Close}, nil
}

func (c *httpConversation) Close() error { return nil }

// do sends a request and sees to it that the answer is git's.
func (r *httpRemote) do(req *http.Request, want string) (*http.Response, error) {
	req.Header.Set("User-Agent", "git/maelstrom") // some servers show browsers something else
	req.Header.Set("Accept", want)
	res, err := r.client.Do(req)
	if err != nil {
		if u := new(url.Error); errors.As(err, &u) {
			err = u.Err // it shows the whole URL
		}
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		if got := res.Header.Get("Content-Type"); got != want {
			_ = res.Body.Close()
			return nil, &notGitError{contentType: got}
		}
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	return nil, &statusError{status: res.StatusCode, message: firstLine(res), retryAfter: reconcile.RetryAfter(res.Header, time.Now())}
}

// firstLine is what a server says about its status, if it is plain text.
func firstLine(res *http.Response) string {
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") {
		return ""
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 200))
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return printable(line)
}
