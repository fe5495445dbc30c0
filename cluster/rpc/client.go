package rpc

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"maelstrom/cluster"
)

const (
	// callTimeout bounds one call whose context has no deadline of its own,
	// longTimeout one that may have much to do.
	callTimeout = 60 * time.Second
	longTimeout = 15 * time.Minute

	maxAnswer = 256 << 20
)

// Client calls one daemon. It sends its token to the daemon's URL and to
// nothing else: it follows no redirect.
type Client struct {
	base  *url.URL // without user
	token string
	http  *http.Client
	err   error // why the client can't be used, told at each call
	away  func(Away)

	upgrades http.RoundTripper // of connections that change their protocol; nil: made from that of http
}

// OnAway has fn called with each answer that the daemon makes without the
// database. It is set before the first call.
func (c *Client) OnAway(fn func(Away)) { c.away = fn }

func (c *Client) noteAway(resp *http.Response) {
	if away := awayFrom(resp.Header); away != nil && c.away != nil {
		c.away(*away)
	}
}

// NewClient returns a client of the daemon at address, for example
// http://127.0.0.1:8374. A user and password in it count as the token unless
// one is given. A nil transport is one of its own, without any proxy: the
// daemon is on this machine, or at the end of a tunnel.
func NewClient(address, token string, transport http.RoundTripper) *Client {
	if transport == nil {
		transport = newTransport()
	}
	c := &Client{token: token, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	c.base, c.err = parseAddress(address)
	if c.err != nil {
		return c
	}
	if user := c.base.User; user != nil {
		if password, ok := user.Password(); ok && c.token == "" {
			c.token = password
		}
		if c.token == "" {
			c.token = user.Username()
		}
		c.base.User = nil
	}
	if c.token != "" && c.base.Scheme == "http" && !loopbackHost(c.base.Hostname()) {
		c.err = errorf(KindInvalid, "%s: a token is never sent over a network in clear: use https, or a tunnel to a loopback address", c.base.Redacted())
	}
	return c
}

func parseAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errorf(KindInvalid, "%q is not the address of a daemon: it looks like http://127.0.0.1:8374", redacted(address))
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawQuery, u.Fragment = "", ""
	return u, nil
}

// redacted is address without what could be a password.
func redacted(address string) string {
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		return "..." + address[at:]
	}
	return address
}

// URL is the address that the client calls, without a password.
func (c *Client) URL() string {
	if c.base == nil {
		return ""
	}
	return c.base.String()
}

// call invokes one method.
func (c *Client) call(ctx context.Context, method string, params, result any) error {
	if c.err != nil {
		return c.err
	}
	ctx, cancel := bounded(ctx, callTimeout)
	defer cancel()
	object, err := encode(params)
	if err != nil {
		return err
	}
	id := cluster.NewID()
	body, err := encode(call{JSONRPC: "2.0", Method: method, Params: object, ID: json.RawMessage(`"` + id + `"`)})
	if err != nil {
		return err
	}
	resp, err := c.do(ctx, http.MethodPost, PathAPI, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return c.readReply(resp, result)
}

// bounded gives ctx a deadline unless it has one.
func bounded(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, timeout)
}

// do sends one request and returns an answer that is worth reading.
func (c *Client) do(ctx context.Context, method, target string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base.String()+target, body)
	if err != nil {
		return nil, fmt.Errorf("call the daemon: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	c.noteAway(resp)
	if err := c.checkStatus(resp); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// broken says why a call got no whole answer: its context, or the daemon.
func (c *Client) broken(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		e := errorf(KindTimeout, "no answer from maelstromd at %s in time", c.URL())
		e.cause = err
		return e
	case ctx.Err() != nil:
		return fmt.Errorf("call the daemon: %w", ctx.Err())
	}
	return c.unreachable(err)
}

// unreachable says what to do about a daemon that is not there.
func (c *Client) unreachable(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) { // the address is in the message already
		err = wrapped.Err
	}
	var pinned *pinError
	var unknown *tls.CertificateVerificationError
	switch {
	case errors.As(err, &pinned):
		e := errorf(KindUnauthorized, "%v", pinned)
		e.cause = err
		return e
	case errors.As(err, &unknown):
		e := errorf(KindUnauthorized, "%s is of no authority that this machine trusts: set MAELSTROM_CA or MAELSTROM_CA_FINGERPRINT to what `maelctl cluster ca` prints on a node: %v", c.URL(), err)
		e.cause = err
		return e
	}
	e := errorf(KindUnavailable, "maelstromd at %s can't be reached: %v: start it, or name another by MAELSTROM_PRIVATE_URL", c.URL(), err)
	if errors.Is(err, syscall.ECONNREFUSED) {
		e.Message = fmt.Sprintf("no maelstromd answers at %s: start one, or name another by MAELSTROM_PRIVATE_URL", c.URL())
	}
	e.cause = err
	return e
}

func (c *Client) checkStatus(resp *http.Response) error {
	switch status := resp.StatusCode; {
	case status == http.StatusOK || status == http.StatusRequestEntityTooLarge && isJSON(resp):
		return nil
	case status == http.StatusUnauthorized && c.token == "":
		return errorf(KindUnauthorized, "%s needs a token: set MAELSTROM_API_TOKEN, or run as the user of the daemon", c.URL())
	case status == http.StatusUnauthorized:
		return errorf(KindUnauthorized, "%s does not accept this token: `maelctl admin token ls` on its machine lists those that count", c.URL())
	case status == http.StatusForbidden:
		return errorf(KindUnauthorized, "%s refuses requests from here: %s", c.URL(), excerpt(resp.Body))
	case status == http.StatusBadRequest:
		return errorf(KindInvalid, "%s", excerpt(resp.Body))
	case status == http.StatusServiceUnavailable && resp.Header.Get(headerError) == reasonUnavailable:
		return errorf(KindUnavailable, "%s", excerpt(resp.Body))
	case status == http.StatusNotFound && resp.Header.Get(headerError) == reasonNotFound:
		return errorf(KindNotFound, "%s", excerpt(resp.Body))
	case status >= 300 && status < 400:
		return errorf(KindUnavailable, "%s redirects to %q: name that address instead, a token follows no redirect", c.URL(), redacted(resp.Header.Get("Location")))
	}
	return errorf(KindUnavailable, "%s is no maelstromd, or not its private port: %s: %s", c.URL(), resp.Status, excerpt(resp.Body))
}

func isJSON(resp *http.Response) bool {
	return strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json")
}

// excerpt is the first line of a body that is not for a program.
func excerpt(body io.Reader) string {
	data, _ := io.ReadAll(io.LimitReader(body, 200)) // what came is worth showing
	line, _, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
	return line
}

func (c *Client) readReply(resp *http.Response, result any) error {
	var answer reply
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.broken(resp.Request.Context(), err)
	}
	if err := json.Unmarshal(data, &answer); err != nil || answer.JSONRPC != "2.0" {
		return errorf(KindUnavailable, "%s is no maelstromd, or not its private port: its answer is not JSON-RPC", c.URL())
	}
	if answer.Err != nil {
		return answer.Err.toError()
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		return errorf(KindProtocol, "the answer of %s can't be read: %v: maelctl and maelstromd may be too far apart", c.URL(), err)
	}
	return nil
}
