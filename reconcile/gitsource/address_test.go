package gitsource

import (
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for raw, want := range map[string]address{
		"https://example.com/a/b.git":         {scheme: "https", host: "example.com", path: "/a/b.git"},
		"http://ada@example.com:8080/b%20c/":  {scheme: "http", user: "ada", host: "example.com", port: "8080", path: "/b%20c/"},
		"HTTPS://example.com/b":               {scheme: "https", host: "example.com", path: "/b"},
		"ssh://git@example.com:2222/srv/b":    {scheme: "ssh", user: "git", host: "example.com", port: "2222", path: "/srv/b"},
		"ssh://git@[2001:db8::1]/srv/b":       {scheme: "ssh", user: "git", host: "2001:db8::1", path: "/srv/b"},
		"ssh://example.com/~ada/b":            {scheme: "ssh", host: "example.com", path: "~ada/b"},
		"ssh://example.com/a%20b":             {scheme: "ssh", host: "example.com", path: "/a b"},
		"git@github.com:acme/shop.git":        {scheme: "ssh", user: "git", host: "github.com", path: "acme/shop.git"},
		"example.com:/srv/b":                  {scheme: "ssh", host: "example.com", path: "/srv/b"},
		"git@[2001:db8::1]:b":                 {scheme: "ssh", user: "git", host: "2001:db8::1", path: "b"},
		"https://xn--bcher-kva.example/x":     {scheme: "https", host: "xn--bcher-kva.example", path: "/x"},
		"ssh://git@example.com/it's/$(x);b":   {scheme: "ssh", user: "git", host: "example.com", path: "/it's/$(x);b"},
		"https://[::1]:8443/b":                {scheme: "https", host: "::1", port: "8443", path: "/b"},
		"https://example.com/b@c":             {scheme: "https", host: "example.com", path: "/b@c"},
		"ssh://git@example.com/acme/shop.git": {scheme: "ssh", user: "git", host: "example.com", path: "/acme/shop.git"},
	} {
		got, err := parseAddress(raw)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", raw, got, err)
		}
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                      "no URL",
		"file:///etc":                           "not allowed",
		"/srv/repo":                             "not the URL",
		"./repo":                                "not the URL",
		"ext::sh -c touch% /tmp/x":              "blanks",
		"ext::sh":                               "not the URL",
		"git://example.com/b":                   "not allowed",
		"ftp://example.com/b":                   "not allowed",
		"https://ada:s3cret@example.com/b":      "password",
		"ada:s3cret@example.com:b":              "password",
		"https://example.com":                   "path",
		"https://example.com/":                  "path",
		"https:///b":                            "host",
		"https://example.com/b?x=1":             "query",
		"https://example.com/b#main":            "fragment",
		"https://example.com:99999/b":           "port",
		"https://example.com:x/b":               "parse",
		"ssh://-oProxyCommand=x/b":              "host",
		"-oProxyCommand=x:b":                    "host",
		"ssh://-l@example.com/b":                "user",
		"example.com:-upload":                   "path",
		"https://exa mple.com/b":                "blanks",
		"https://example.com/b\n":               "blanks",
		"https://ada:s3cret@exa%zzmple.com:1/b": "parse",
		"ssh://example.com/a%0ab":               "control",
	} {
		_, err := parseAddress(raw)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, not %q", raw, err, want)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, raw := range []string{"https://example.com/a", "git@host:path", "ssh://a@[::1]:22/~x", "ext::sh", "file:///x", "http://a:b@c/d"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := parseAddress(raw)
		if err != nil {
			return
		}
		if a.scheme != "http" && a.scheme != "https" && a.scheme != "ssh" {
			t.Errorf("%q: scheme %q", raw, a.scheme)
		}
		if a.host == "" || a.path == "" || strings.HasPrefix(a.host, "-") || strings.HasPrefix(a.path, "-") {
			t.Errorf("%q: %+v", raw, a)
		}
		if a.scheme == "ssh" {
			return
		}
		again, err := parseAddress(a.String())
		again.user = a.user
		if err != nil || again != a {
			t.Errorf("%q: %+v becomes %+v, %v", raw, a, again, err)
		}
	})
}
