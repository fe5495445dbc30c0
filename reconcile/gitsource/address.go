package gitsource

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// address is where a repository is: a checked URL.
type address struct {
	scheme string // http, https, ssh
	user   string
	host   string // no brackets
	port   string // empty: the scheme's
	path   string // of HTTP as it is escaped; of SSH as the other side's shell gets it
}

const schemes = "https://, http://, ssh:// and user@host:path"

// parseAddress reads https://host/path, ssh://user@host/path and
// user@host:path. Nothing else is let through: file:, git: and ext: would read
// this node's disk, trust the network, or run programs.
func parseAddress(raw string) (address, error) {
	switch {
	case raw == "":
		return address{}, errors.New("no URL")
	case strings.ContainsFunc(raw, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return address{}, errors.New("the URL has blanks or control characters in it")
	case strings.Contains(raw, "://"):
		return parseURL(raw)
	}
	return parseSCP(raw)
}

func parseURL(raw string) (address, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return address{}, errors.New("the URL does not parse") // url.Error shows the URL, credentials included
	}
	a := address{scheme: u.Scheme, host: u.Hostname(), port: u.Port(), path: u.EscapedPath()}
	if _, has := u.User.Password(); has {
		return address{}, errors.New("the URL has a password in it; credentials are set beside the URL")
	}
	a.user = u.User.Username()
	switch a.scheme {
	case "http", "https":
	case "ssh":
		a.path = u.Path
		if strings.HasPrefix(a.path, "/~") {
			a.path = a.path[1:]
		}
	default:
		return address{}, fmt.Errorf("scheme %q is not allowed, only %s", a.scheme, schemes)
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" {
		return address{}, errors.New("the URL has a query or a fragment")
	}
	return a, a.check()
}

func parseSCP(raw string) (address, error) {
	a := address{scheme: "ssh"}
	rest := raw
	if user, after, ok := strings.Cut(raw, "@"); ok {
		a.user, rest = user, after
	}
	host, path, ok := strings.Cut(rest, ":")
	if inner, bracketed := strings.CutPrefix(rest, "["); bracketed {
		host, path, ok = strings.Cut(inner, "]:")
	}
	if !ok || strings.Contains(host, "/") || strings.HasPrefix(path, ":") {
		return address{}, fmt.Errorf("not the URL of a repository; allowed are %s", schemes)
	}
	if strings.Contains(a.user, ":") {
		return address{}, errors.New("the URL has a password in it; credentials are set beside the URL")
	}
	a.host, a.path = host, path
	return a, a.check()
}

// check refuses what a later step would take for something else, an option say.
func (a *address) check() error {
	switch {
	case a.host == "" || strings.HasPrefix(a.host, "-") || strings.ContainsAny(a.host, "/\\@'\"[]%"):
		return errors.New("the URL has no usable host")
	case strings.HasPrefix(a.user, "-"):
		return errors.New("the URL has no usable user")
	case strings.Trim(a.path, "/") == "" || strings.HasPrefix(a.path, "-"):
		return errors.New("the URL has no usable path")
	case strings.ContainsFunc(a.path+a.user, unicode.IsControl):
		return errors.New("the URL has control characters in it")
	}
	if a.port != "" {
		if n, err := strconv.ParseUint(a.port, 10, 16); err != nil || n == 0 {
			return errors.New("the URL has no usable port")
		}
	}
	return nil
}

// String is for people: it has no user.
func (a *address) String() string {
	host := a.host
	if a.port != "" {
		host = a.hostPort()
	} else if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return a.scheme + "://" + host + "/" + strings.TrimPrefix(a.path, "/")
}

// url is the repository's URL over HTTP.
func (a *address) url() string { return strings.TrimRight(a.String(), "/") }

func (a *address) hostPort() string {
	port := a.port
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "ssh": "22"}[a.scheme]
	}
	return net.JoinHostPort(a.host, port)
}
