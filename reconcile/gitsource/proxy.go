package gitsource

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/net/proxy"
)

// sshDialer connects directly or, if one is set, through a proxy. The proxies
// of the environment are for HTTP.
func sshDialer(explicit string, direct *net.Dialer) (func(ctx context.Context, address string) (net.Conn, error), error) {
	if explicit == "" {
		return func(ctx context.Context, address string) (net.Conn, error) {
			return direct.DialContext(ctx, "tcp", address)
		}, nil
	}
	u, err := parseProxy(explicit)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "http" || u.Scheme == "https" {
		return func(ctx context.Context, address string) (net.Conn, error) {
			return connectThrough(ctx, direct, u, address)
		}, nil
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "1080")
	}
	dialer, err := proxy.FromURL(u, direct)
	if err != nil {
		return nil, errors.New("proxy can't be used")
	}
	return func(ctx context.Context, address string) (net.Conn, error) {
		return dialer.(proxy.ContextDialer).DialContext(ctx, "tcp", address)
	}, nil
}

// connectThrough asks an HTTP proxy for a connection.
func connectThrough(ctx context.Context, direct *net.Dialer, via *url.URL, address string) (net.Conn, error) {
	conn, err := dialProxy(ctx, direct, via)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if err := req.Write(conn); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("proxy: %w", err)
	}
	answer := bufio.NewReader(conn)
	res, err := http.ReadResponse(answer, req)
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("proxy: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		_ = conn.Close()
		return nil, fmt.Errorf("proxy: it answers %s", res.Status)
	}
	return &bufferedConn{Conn: conn, r: answer}, nil
}

func dialProxy(ctx context.Context, direct *net.Dialer, via *url.URL) (net.Conn, error) {
	port := via.Port()
	if port == "" {
		port = portOf(via)
	}
	address := net.JoinHostPort(via.Hostname(), port)
	if via.Scheme == "http" {
		return direct.DialContext(ctx, "tcp", address)
	}
	dialer := &tls.Dialer{NetDialer: direct, Config: &tls.Config{MinVersion: tls.VersionTLS12}}
	return dialer.DialContext(ctx, "tcp", address)
}

// bufferedConn reads what came together with a proxy's answer.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.r.Read(p) }
