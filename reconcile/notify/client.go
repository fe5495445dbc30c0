package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"maelstrom/reconcile"
)

const (
	attemptLimit = 15 * time.Second
	answerRead   = 16 << 10 // of an answer, for its message
	messageShown = 200
)

// newClient returns a client that follows no redirect, which could take the
// token elsewhere, and reaches only the networks that it may.
func newClient(networks reconcile.Networks) *http.Client {
	return &http.Client{
		Timeout:       attemptLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:               proxyOf(networks),
			DialContext:         networks.Dialer(attemptLimit).DialContext,
			ForceAttemptHTTP2:   true,
			TLSHandshakeTimeout: attemptLimit,
			MaxIdleConnsPerHost: 2,
			IdleConnTimeout:     time.Minute,
		},
	}
}

// proxyOf is the proxy that the environment names.
func proxyOf(networks reconcile.Networks) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		if err := networks.AllowHost(r.URL.Hostname()); err != nil {
			return nil, err
		}
		return http.ProxyFromEnvironment(r)
	}
}

// request is one call of somebody else's API.
type request struct {
	method  string
	address string
	header  map[string]string
	body    []byte
	secret  string // that no message may show
}

// answered is what came back.
type answered struct {
	status  int
	message string // of the other side, if it gave one
	header  http.Header
}

// do makes a call. An answer of any status is no error.
func (s *Sender) do(ctx context.Context, call request) (answered, error) {
	r, err := http.NewRequestWithContext(ctx, call.method, call.address, bytes.NewReader(call.body))
	if err != nil {
		return answered{}, errors.New("the address can't be used")
	}
	r.Header.Set("User-Agent", "maelstrom/"+s.opt.Version)
	for name, value := range call.header {
		r.Header.Set(name, value)
	}
	response, err := s.http.Do(r)
	if err != nil {
		return answered{}, transient(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerRead))
	if err != nil {
		text = nil // the status says enough
	}
	return answered{status: response.StatusCode, message: messageOf(text, call.secret), header: response.Header}, nil
}

// messageOf reads the message out of the error that an API has answered.
func messageOf(body []byte, secret string) string {
	var answer struct {
		Message any `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Message == nil {
		return ""
	}
	text := fmt.Sprint(answer.Message)
	if secret != "" {
		text = strings.ReplaceAll(text, secret, "(secret)")
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return shorten(text, messageShown)
}

// shorten cuts a text to so many bytes.
func shorten(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest-3], "") + "..."
}

// failed tells how an answer counts; nil: well.
func (a answered) failed() *failure {
	if a.status >= 200 && a.status < 300 {
		return nil
	}
	text := fmt.Sprintf("answered %d", a.status)
	if a.status >= 300 && a.status < 400 {
		text += ": redirects are not followed"
	}
	if a.message != "" {
		text += ": " + a.message
	}
	f := &failure{err: errors.New(text), after: reconcile.RetryAfter(a.header, time.Now())}
	switch a.status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		f.permanent = true
	}
	return f
}
