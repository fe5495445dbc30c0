package rpc

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// post sends a body to the API with the token that counts.
func (w *world) post(body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, PathAPI, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+w.secret)
	answer := httptest.NewRecorder()
	w.server.ServeHTTP(answer, r)
	return answer
}

// do calls a method as the original's clients do, with a list of one object,
// and returns its result. Both are held against the written description.
func (w *world) do(method, params string) string {
	w.t.Helper()
	result, err := w.try(method, params)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, params, err)
	}
	return result
}

func (w *world) try(method, params string) (string, *Error) {
	w.t.Helper()
	descriptions := newSchemaSet(w.t)
	answer := w.post(`{"jsonrpc":"2.0","id":"1","method":"` + method + `","params":[` + params + `]}`)
	if answer.Code != http.StatusOK {
		w.t.Fatalf("%s: status %d: %s", method, answer.Code, answer.Body)
	}
	var got reply
	if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
		w.t.Fatalf("%s: %v: %s", method, err, answer.Body)
	}
	if got.Err != nil {
		return "", got.Err.toError()
	}
	descriptions.check(w.t, method, "params", []byte(params))
	descriptions.check(w.t, method, "result", got.Result)
	return string(got.Result), nil
}

// refuse calls a method that must fail with a code.
func (w *world) refuse(code int, method, params string) *Error {
	w.t.Helper()
	result, err := w.try(method, params)
	if err == nil || err.Code != code {
		w.t.Fatalf("%s %s = %s, %v; want error %d", method, params, result, err, code)
	}
	return err
}

// checked is a transport that holds what a Client sends and gets against the
// written description.
type checked struct {
	t    testing.TB
	next http.RoundTripper
}

func (c *checked) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != PathAPI {
		return c.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := c.next.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
	var sent call
	var got reply
	if json.Unmarshal(body, &sent) == nil && json.Unmarshal(data, &got) == nil && got.Err == nil {
		set := newSchemaSet(c.t)
		set.check(c.t, sent.Method, "params", sent.Params)
		set.check(c.t, sent.Method, "result", got.Result)
	}
	return resp, nil
}

// port serves the private port's loopback zone and returns a client of it.
func (w *world) port() (*Client, *PrivatePort, *httptest.Server) {
	w.t.Helper()
	p := &PrivatePort{
		Server:  w.server,
		Metrics: text("metrics"),
		Ready:   func() Readiness { return Readiness{Ready: true} },
		Gateway: text("gateway"),
	}
	srv := httptest.NewServer(p.Loopback())
	w.t.Cleanup(srv.Close)
	return NewClient(srv.URL, w.secret, &checked{t: w.t, next: srv.Client().Transport}), p, srv
}

func text(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
}

// sameJSON fails unless both hold the same, whatever the order and spacing.
func sameJSON(t testing.TB, got, want string) {
	t.Helper()
	if g, w := normalJSON(t, got), normalJSON(t, want); g != w {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

func normalJSON(t testing.TB, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
