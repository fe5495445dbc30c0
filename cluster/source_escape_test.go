package cluster

import (
	"strings"
	"testing"
)

func TestSourceEscapes(t *testing.T) {
	held := []string{"password", "ssh_key", "token", "variables.DB_PASSWORD", "webhook_secret"}
	git := func(g GitSource) *Source { return &Source{Name: "s", Git: &g} }
	old := git(GitSource{URL: "https://git.example.com/shop/deploy.git", Ref: "main"})
	for _, test := range []struct {
		name string
		now  *Source
		want string
	}{
		{"the same", git(GitSource{URL: "https://git.example.com/shop/deploy", Ref: "v1", ForcePush: ForcePushDeny}), ""},
		{"another repository", git(GitSource{URL: "https://git.example.com/eve/deploy.git"}), "variables.DB_PASSWORD"},
		{"another server", git(GitSource{URL: "https://eve.example.com/shop/deploy.git"}), "password token variables.DB_PASSWORD"},
		{"in clear", git(GitSource{URL: "http://git.example.com/shop/deploy.git"}), "password token variables.DB_PASSWORD"},
		{"a proxy", git(GitSource{URL: old.Git.URL, Proxy: "http://eve.example.com:1"}), "password token variables.DB_PASSWORD"},
		{"a certificate", git(GitSource{URL: old.Git.URL, CA: "PEM"}), "password token variables.DB_PASSWORD"},
		{"a directory, and from there anywhere", &Source{Name: "s", Dir: "/srv"}, "password token variables.DB_PASSWORD"},
		{"no address", git(GitSource{URL: "nonsense"}), "password token variables.DB_PASSWORD"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, way := range [][2]*Source{{old, test.now}, {test.now, old}} {
				var got []string
				for _, e := range SourceEscapes(way[0], way[1], held) {
					got = append(got, e.Secret)
					if e.Message == "" {
						t.Errorf("nothing is said of %s", e.Secret)
					}
				}
				if strings.Join(got, " ") != test.want {
					t.Errorf("%v escape, want %s", got, test.want)
				}
			}
		})
	}
	if got := SourceEscapes(&Source{Dir: "/a"}, &Source{Dir: "/b"}, held); len(got) != 1 {
		t.Errorf("another directory: %v", got)
	}
	if got := SourceEscapes(old, &Source{Dir: "/a"}, nil); got != nil {
		t.Errorf("without secrets: %v", got)
	}
}

func TestNotifierEscapes(t *testing.T) {
	commit := func(provider, api string) *Notifier {
		return &Notifier{Commit: &CommitStatus{Provider: provider, API: api}}
	}
	hook := &Notifier{Webhook: "https://example.com"}
	for _, test := range []struct {
		name     string
		old, now *Notifier
		want     bool
	}{
		{"the same", commit("gitea", "https://a"), commit("gitea", "https://a"), false},
		{"another API", commit("gitea", "https://a"), commit("gitea", "https://b"), true},
		{"another provider", commit("github", ""), commit("gitlab", ""), true},
		{"a webhook", commit("github", ""), hook, false},
		{"from a webhook", hook, commit("github", ""), true},
	} {
		if got := NotifierEscapes(test.old, test.now); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
