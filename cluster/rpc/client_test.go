package rpc

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestClientErrorsSayWhatToDo(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String()
	listener.Close()
	w := newWorld(t)
	_, _, srv := w.port()
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<html>hello</html>")
	}))
	defer html.Close()
	lost := httptest.NewServer(http.NotFoundHandler())
	defer lost.Close()
	tests := []struct {
		name    string
		client  *Client
		kind    Kind
		message string
	}{
		{"nobody there", NewClient(closed, "t", nil), KindUnavailable, "no maelstromd answers at " + closed},
		{"no token", NewClient(srv.URL, "", nil), KindUnauthorized, "MAELSTROM_API_TOKEN"},
		{"wrong token", NewClient(srv.URL, "wrong", nil), KindUnauthorized, "does not accept this token"},
		{"a web site", NewClient(html.URL, "", nil), KindUnavailable, "not JSON-RPC"},
		{"another port", NewClient(lost.URL, "", nil), KindUnavailable, "no maelstromd, or not its private port: 404"},
		{"no address", NewClient("127.0.0.1:8374", "", nil), KindInvalid, "looks like http://127.0.0.1:8374"},
		{"another scheme", NewClient("unix:///run/x", "", nil), KindInvalid, "looks like http"},
		{"an address with a secret", NewClient("http://:pa ss@host", "", nil), KindInvalid, `"...@host"`},
		{"a token in clear over a network", NewClient("http://192.0.2.1:8374", "t", nil), KindInvalid, "never sent over a network in clear"},
		{"a password in clear over a network", NewClient("http://x:t@example.com", "", nil), KindInvalid, "never sent over a network in clear"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.client.Version(t.Context())
			var e *Error
			if !errors.As(err, &e) || e.Kind != test.kind || !strings.Contains(e.Message, test.message) {
				t.Errorf("%v (%s), want %s with %q", err, kindOfError(err), test.kind, test.message)
			}
			if errors.Is(err, ErrUnauthorized) != (test.kind == KindUnauthorized) {
				t.Errorf("ErrUnauthorized: %v", err)
			}
		})
	}
	if _, err := NewClient(closed, "t", nil).Logs(t.Context(), LogsRequest{}); kindOfError(err) != KindUnavailable {
		t.Errorf("logs: %v", err)
	}
	if _, err := NewClient("x", "t", nil).Logs(t.Context(), LogsRequest{}); kindOfError(err) != KindInvalid {
		t.Errorf("logs: %v", err)
	}
}

func TestTheTokenMayStandInTheURL(t *testing.T) {
	w := newWorld(t)
	_, _, srv := w.port()
	for _, user := range []string{"anyone:" + w.secret, ":" + w.secret, w.secret} {
		client := NewClient(strings.Replace(srv.URL, "://", "://"+user+"@", 1)+"/", "", nil)
		if _, err := client.Version(t.Context()); err != nil {
			t.Errorf("%s: %v", user, err)
		}
		if client.URL() != srv.URL {
			t.Errorf("URL = %q", client.URL())
		}
	}
	if _, err := NewClient(strings.Replace(srv.URL, "://", "://x:wrong@", 1), w.secret, nil).Version(t.Context()); err != nil {
		t.Errorf("a token of its own counts first: %v", err)
	}
}

func TestTheTokenFollowsNoRedirect(t *testing.T) {
	reached := make(chan string, 1)
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		reached <- r.Header.Get("Authorization")
	}))
	defer target.Close()
	for _, status := range []int{301, 302, 307, 308} {
		front := httptest.NewServer(http.RedirectHandler(target.URL+PathAPI, status))
		_, err := NewClient(front.URL, "secret", nil).Version(t.Context())
		if kindOfError(err) != KindUnavailable || !strings.Contains(err.Error(), "redirects to") {
			t.Errorf("%d: %v", status, err)
		}
		front.Close()
	}
	select {
	case header := <-reached:
		t.Errorf("the target was asked with %q", header)
	default:
	}
}

func TestCallsEndWithTheirContext(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	defer slow.Close()
	defer close(release)
	client := NewClient(slow.URL, "t", nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := client.Version(ctx); kindOfError(err) != KindTimeout {
		t.Errorf("deadline: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := client.Version(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestLoopbackHost(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.8.9.1": true, "::1": true, "::ffff:127.0.0.1": true, "localhost": true, "LOCALHOST.": true,
		"hello.localhost": true, "192.0.2.1": false, "localhost.example.com": false, "example.com": false, "": false, "0.0.0.0": false,
	} {
		if got := loopbackHost(host); got != want {
			t.Errorf("loopbackHost(%q) = %v", host, got)
		}
	}
}
