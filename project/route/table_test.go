package route

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func source(name, host, prefix string) Rule {
	return Rule{EventSource: name, Component: "c_" + name, Hostname: host, PathPrefix: prefix}
}

func TestMatch(t *testing.T) {
	table := New([]Rule{
		source("exact", "a.example.com", ""),
		source("exact-api", "a.example.com", "/api"),
		source("exact-api-v1", "a.example.com", "/api/v1"),
		source("only-path", "b.example.com", "/only"),
		source("wild", "*.example.com", ""),
		source("wild-deep", "*.deep.example.com", ""),
		source("wild-api", "*.example.com", "/api"),
		source("v6", "2001:DB8:0::1", ""),
		source("v6-brackets", "[::1]", ""),
		source("anyhost", "", "/shared"),
		source("encoded", "enc.test", "/a b/"),
		source("upper", "Upper.Test.", ""),
		source("nothing", "", ""),
		source("dot", ".", ""),
	})
	for _, tt := range []struct{ host, path, want string }{
		{"a.example.com", "/", "exact"},
		{"a.example.com", "", "exact"},
		{"a.example.com", "*", "exact"},
		{"A.Example.COM:8080", "/api", "exact-api"},
		{"a.example.com.", "/apiary", "exact-api"},
		{"a.example.com.:443", "/api/v1/x", "exact-api-v1"},
		{"a.example.com", "/%61pi/v%31", "exact-api-v1"},
		{"a.example.com", "/%2561pi", "exact"}, // decoded once, not twice
		{"a.example.com", "//api", "exact"},
		{"a.example.com", "/x/../api", "exact"},
		{"b.example.com", "/only/x", "only-path"},
		{"b.example.com", "/other", "wild"},
		{"x.y.example.com", "/", "wild"},
		{"x.deep.example.com", "/api", "wild-deep"},
		{"deep.example.com", "/api", "wild-api"},
		{"example.com", "/", ""},
		{".example.com", "/", ""},
		{"x..example.com", "/", ""},
		{"xexample.com", "/", ""},
		{"example.com", "/shared", "anyhost"},
		{"", "/shared/x", "anyhost"},
		{"", "/", ""},
		{".", "/", ""},
		{":80", "/shared", "anyhost"},
		{"[2001:db8::1]:80", "/", "v6"},
		{"2001:db8::0:1", "/", "v6"},
		{"[2001:DB8::1]", "/", "v6"},
		{"::1", "/", "v6-brackets"},
		{"[::1]:8374", "/", "v6-brackets"},
		{"enc.test", "/a%20b/c", "encoded"},
		{"enc.test", "/a%20b%2Fc", "encoded"},
		{"enc.test", "/a+b/c", ""},
		{"enc.test", "/a%2", ""},
		{"upper.test", "/", "upper"},
	} {
		t.Run(tt.host+tt.path, func(t *testing.T) {
			m, ok := table.Match(tt.host, tt.path)
			if ok != (tt.want != "") {
				t.Fatalf("matched = %v (%+v), want %q", ok, m.Rule, tt.want)
			}
			if ok && m.Rule.EventSource != tt.want {
				t.Errorf("matched %s, want %s", m.Rule.EventSource, tt.want)
			}
		})
	}
}

func TestNilTableMatchesNothing(t *testing.T) {
	var table *Table
	if m, ok := table.Match("a", "/"); ok {
		t.Errorf("matched %+v", m)
	}
	if table.Len() != 0 {
		t.Errorf("Len() = %d", table.Len())
	}
}

func TestWithLeavesTheOldTableAlone(t *testing.T) {
	one := New([]Rule{source("web", "a.test", "/"), source("api", "a.test", "/api")})
	two := one.With([]Rule{source("web", "b.test", "/")}, []string{"api", "unknown"})

	expect(t, one, "a.test", "/api", "api")
	expect(t, one, "b.test", "/", "")
	expect(t, two, "a.test", "/api", "")
	expect(t, two, "b.test", "/", "web")
	if one.Len() != 2 || two.Len() != 1 {
		t.Errorf("Len() = %d and %d, want 2 and 1", one.Len(), two.Len())
	}
}

func TestRemovingTheWinnerShowsTheOther(t *testing.T) {
	table := New([]Rule{source("b", "a.test", "/x"), source("a", "a.test", "/x"), source("c", "a.test", "/x")})
	expect(t, table, "a.test", "/x", "a")
	table = table.With(nil, []string{"a"})
	expect(t, table, "a.test", "/x", "b")
}

func expect(t *testing.T, table *Table, host, path, want string) {
	t.Helper()
	m, ok := table.Match(host, path)
	switch {
	case !ok && want != "":
		t.Errorf("%s%s: no match, want %s", host, path, want)
	case ok && m.Rule.EventSource != want:
		t.Errorf("%s%s: matched %s, want %q", host, path, m.Rule.EventSource, want)
	}
}

// Any sequence of changes leaves a table that agrees with the naive matcher,
// and so does a table built at once.
func TestTableAgreesWithNaiveMatcher(t *testing.T) {
	hosts := []string{"a.t", "b.a.t", "A.T.", "x.b.a.t", "*.t", "*.a.t", "*.b.a.t", "other", ""}
	prefixes := []string{"", "/", "/a", "/a/", "/a/b", "/ab", "/a b", "//", "/%", "/é"}
	paths := []string{"", "*", "/", "/a", "/a/b/c", "/abc", "/a%20b", "/%61", "//x", "/%25", "/%2561", "/%C3%A9/x", "/zz"}
	asked := []string{"a.t", "A.t:80", "b.a.t", "c.b.a.t", "x.b.a.t.", "t", "other", "nowhere", ""}
	rapid.Check(t, func(t *rapid.T) {
		rules := map[string]Rule{}
		table := New(nil)
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			var put []Rule
			for range rapid.IntRange(0, 6).Draw(t, "puts") {
				rule := source(
					fmt.Sprintf("es%d", rapid.IntRange(0, 12).Draw(t, "name")),
					rapid.SampledFrom(hosts).Draw(t, "host"),
					rapid.SampledFrom(prefixes).Draw(t, "prefix"),
				)
				put = append(put, rule)
			}
			remove := rapid.SliceOf(rapid.SampledFrom([]string{"es0", "es1", "es2", "es3"})).Draw(t, "remove")
			table = table.With(put, remove)
			for _, name := range remove {
				delete(rules, name)
			}
			for _, rule := range put {
				rules[rule.EventSource] = rule
			}
		}
		var all []Rule
		for _, rule := range rules {
			all = append(all, rule)
		}
		atOnce := New(all)
		for _, host := range asked {
			for _, path := range paths {
				want, wantOK := naive(rules, host, path)
				for _, table := range []*Table{table, atOnce} {
					m, ok := table.Match(host, path)
					if ok != wantOK || ok && *m.Rule != want {
						t.Fatalf("%q %q: got %v %+v, want %v %+v", host, path, ok, m.Rule, wantOK, want)
					}
				}
			}
		}
		if table.Len() != len(rules) {
			t.Fatalf("Len() = %d, want %d", table.Len(), len(rules))
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add("a.test", "/api", "A.test:80", "/%61pi/x", true)
	f.Add("*.test", "", "[::1", "/%zz?", false)
	f.Add("", "/ü", "..test", "*", true)
	f.Fuzz(func(t *testing.T, ruleHost, prefix, host, path string, strip bool) {
		rule := Rule{EventSource: "es", Component: "c", Hostname: ruleHost, PathPrefix: prefix, StripPrefix: strip}
		table := New([]Rule{rule})
		m, ok := table.Match(host, path)
		if ok && m.Rule.EventSource != "es" {
			t.Fatalf("matched %+v", m.Rule)
		}
		if ok && ruleHost == "" && prefix == "" {
			t.Fatal("a rule with neither host nor prefix matched")
		}
		if target := (Match{&rule}).Target(path); strip && prefix != "" && path != "*" && len(path) > 0 && path[0] == '/' && target[0] != '/' {
			t.Fatalf("Target(%q) = %q", path, target)
		}
		Resolve(table, Request{Gateway: Private, Host: host, Target: path})
		if left := table.With(nil, []string{"es"}); left.Len() != 0 {
			t.Fatalf("%d rules left", left.Len())
		}
	})
}
