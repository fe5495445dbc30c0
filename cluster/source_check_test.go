package cluster

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// sshKey makes a private key in PEM, locked by a passphrase unless it is empty.
func sshKey(t *testing.T, passphrase string) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

const knownHost = "example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n"

func TestSourceCheck(t *testing.T) {
	key, locked := sshKey(t, ""), sshKey(t, "open sesame")
	https := func(change func(*Source, *SourceSecrets)) (Source, SourceSecrets) {
		s, secrets := Source{Name: "shop", Git: &GitSource{URL: "https://example.com/shop.git"}}, SourceSecrets{}
		change(&s, &secrets)
		return s, secrets
	}
	tests := []struct {
		name   string
		change func(*Source, *SourceSecrets)
		want   string // fields, a warning's with ?
	}{
		{"good", func(*Source, *SourceSecrets) {}, ""},
		{"no name", func(s *Source, _ *SourceSecrets) { s.Name = "" }, "name"},
		{"a capital", func(s *Source, _ *SourceSecrets) { s.Name = "Shop" }, "name"},
		{"a flag as a name", func(s *Source, _ *SourceSecrets) { s.Name = "-x" }, "name"},
		{"a long name", func(s *Source, _ *SourceSecrets) { s.Name = strings.Repeat("x", 61) }, "name"},
		{"the longest name", func(s *Source, _ *SourceSecrets) { s.Name = strings.Repeat("x", 60) }, ""},
		{"nowhere", func(s *Source, _ *SourceSecrets) { s.Git = nil }, "git"},
		{"twice", func(s *Source, _ *SourceSecrets) { s.Dir = "/srv" }, "git"},
		{"a directory", func(s *Source, _ *SourceSecrets) { s.Git, s.Dir = nil, "/srv" }, ""},
		{"a relative directory", func(s *Source, _ *SourceSecrets) { s.Git, s.Dir = nil, "srv" }, "dir"},
		{"a detour", func(s *Source, _ *SourceSecrets) { s.Git, s.Dir = nil, "/srv/../etc" }, "dir"},
		{"a directory with a token", func(s *Source, x *SourceSecrets) { s.Git, s.Dir, x.Token = nil, "/srv", "t" }, "secrets.token"},
		{"ranges of versions", func(s *Source, _ *SourceSecrets) { s.Git.Ref = ">=1.2 <2.0" }, ""},
		{"a branch", func(s *Source, _ *SourceSecrets) { s.Git.Ref = "feature/a-b" }, ""},
		{"no ref", func(s *Source, _ *SourceSecrets) { s.Git.Ref = "--upload-pack=x" }, "git.ref"},
		{"no ref either", func(s *Source, _ *SourceSecrets) { s.Git.Ref = "a..b" }, "git.ref"},
		{"force push", func(s *Source, _ *SourceSecrets) { s.Git.ForcePush = "perhaps" }, "git.forcepush"},
		{"a proxy", func(s *Source, _ *SourceSecrets) { s.Git.Proxy = "socks5://127.0.0.1:1080" }, ""},
		{"a proxy without a scheme", func(s *Source, _ *SourceSecrets) { s.Git.Proxy = "proxy:3128" }, "git.proxy"},
		{"a proxy with a password", func(s *Source, _ *SourceSecrets) { s.Git.Proxy = "http://a:hunter2@proxy:3128" }, "git.proxy"},
		{"both", func(s *Source, x *SourceSecrets) { s.Git.Username, x.Token, x.Password = "a", "t", "p" }, "secrets.token"},
		{"a password alone", func(_ *Source, x *SourceSecrets) { x.Password = "p" }, "git.username"},
		{"a user alone", func(s *Source, _ *SourceSecrets) { s.Git.Username = "a" }, "git.username"},
		{"two lines", func(_ *Source, x *SourceSecrets) { x.Token = "hunter2\nX: y" }, "secrets.token"},
		{"a key for https", func(_ *Source, x *SourceSecrets) { x.SSHKey = key }, "secrets.ssh_key"},
		{"a certificate that is none", func(s *Source, _ *SourceSecrets) { s.Git.CA = "hello" }, "git.ca"},
		{"a key as a certificate", func(s *Source, _ *SourceSecrets) { s.Git.CA = key }, "git.ca"},
		{"http", func(s *Source, _ *SourceSecrets) { s.Git.URL = "http://example.com/x" }, "git.url?"},
		{"http with a token", func(s *Source, x *SourceSecrets) { s.Git.URL, x.Token = "http://example.com/x", "t" }, "git.url?"},
		{"ssh", func(s *Source, x *SourceSecrets) {
			s.Git.URL, s.Git.KnownHosts, x.SSHKey = "git@example.com:x.git", knownHost, key
		}, ""},
		{"ssh without known hosts", func(s *Source, x *SourceSecrets) { s.Git.URL, x.SSHKey = "git@example.com:x.git", key }, "git.knownhosts?"},
		{"ssh without a key", func(s *Source, _ *SourceSecrets) { s.Git.URL, s.Git.KnownHosts = "ssh://git@example.com/x", knownHost }, "secrets.ssh_key"},
		{"ssh with a token", func(s *Source, x *SourceSecrets) {
			s.Git.URL, s.Git.KnownHosts, x.SSHKey, x.Token = "git@example.com:x", knownHost, key, "t"
		}, "secrets.token"},
		{"a locked key", func(s *Source, x *SourceSecrets) {
			s.Git.URL, s.Git.KnownHosts, x.SSHKey = "git@example.com:x", knownHost, locked
		}, "secrets.ssh_passphrase"},
		{"a locked key and another passphrase", func(s *Source, x *SourceSecrets) {
			s.Git.URL, s.Git.KnownHosts, x.SSHKey, x.SSHPassphrase = "git@example.com:x", knownHost, locked, "hunter2"
		}, "secrets.ssh_passphrase"},
		{"an open key", func(s *Source, x *SourceSecrets) {
			s.Git.URL, s.Git.KnownHosts, x.SSHKey, x.SSHPassphrase = "git@example.com:x", knownHost, locked, "open sesame"
		}, ""},
		{"no key", func(s *Source, x *SourceSecrets) {
			s.Git.URL, s.Git.KnownHosts, x.SSHKey = "git@example.com:x", knownHost, "hunter2"
		}, "secrets.ssh_key"},
		{"known hosts that are none", func(s *Source, x *SourceSecrets) {
			s.Git.URL, s.Git.KnownHosts, x.SSHKey = "git@example.com:x", "example.com", key
		}, "git.knownhosts"},
		{"patterns", func(s *Source, _ *SourceSecrets) {
			s.Paths, s.Exclude = []string{"apps/**", "{a,b}"}, []string{"[a-z]*"}
		}, ""},
		{"a broken pattern", func(s *Source, _ *SourceSecrets) { s.Paths = []string{"["} }, "paths"},
		{"a pattern out of it", func(s *Source, _ *SourceSecrets) { s.Exclude = []string{"../x", "/etc", ""} }, "exclude exclude exclude"},
		{"an overlay", func(s *Source, _ *SourceSecrets) { s.Overlay = "production" }, ""},
		{"an overlay elsewhere", func(s *Source, _ *SourceSecrets) { s.Overlay = "../production" }, "overlay"},
		{"a sources file", func(s *Source, _ *SourceSecrets) { s.SourcesFile = "infra/sources.yml" }, ""},
		{"a sources file elsewhere", func(s *Source, _ *SourceSecrets) { s.SourcesFile = "../sources.yml" }, "sourcesfile"},
		{"a variable", func(s *Source, _ *SourceSecrets) { s.Variables = map[string]string{"TAG": "1"} }, ""},
		{"a secret in the open", func(s *Source, _ *SourceSecrets) { s.Variables = map[string]string{"API_TOKEN": "hunter2"} }, "variables"},
		{"no variable", func(s *Source, _ *SourceSecrets) { s.Variables = map[string]string{"A-B": "1"} }, "variables"},
		{"a variable twice", func(s *Source, x *SourceSecrets) {
			s.Variables, x.Variables = map[string]string{"TAG": "1"}, map[string]string{"TAG": "2"}
		}, "variables"},
		{"an interval", func(s *Source, _ *SourceSecrets) { s.IntervalSeconds = 1 }, ""},
		{"no interval", func(s *Source, _ *SourceSecrets) { s.IntervalSeconds = -1 }, "interval"},
		{"rollback", func(s *Source, _ *SourceSecrets) { s.Rollback = "maybe" }, "rollback"},
		{"prune", func(s *Source, _ *SourceSecrets) { s.Prune = "maybe" }, "prune"},
		{"a brake", func(s *Source, _ *SourceSecrets) { s.Brake = &Brake{Components: 0, Percent: 100} }, ""},
		{"no brake", func(s *Source, _ *SourceSecrets) { s.Brake = &Brake{Components: -1, Percent: 101} }, "brake.components brake.percent"},
		{"a limit", func(s *Source, _ *SourceSecrets) { s.Limits.Files = -1 }, "limits.files"},
		{"a webhook secret of two lines", func(_ *Source, x *SourceSecrets) { x.WebhookSecret = "0123456789abcdef\n" }, "secrets.webhook_secret"},
		{"a short webhook secret", func(_ *Source, x *SourceSecrets) { x.WebhookSecret = "hunter2" }, "secrets.webhook_secret?"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, secrets := https(test.change)
			var got []string
			for _, f := range s.Check(secrets) {
				field := f.Field
				if f.Warning {
					field += "?"
				}
				got = append(got, field)
				if strings.Contains(f.Message, "hunter2") || f.Message == "" {
					t.Errorf("message of %s: %q", f.Field, f.Message)
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("found %q, want %q", strings.Join(got, " "), test.want)
			}
		})
	}
}

func TestParseGitURL(t *testing.T) {
	good := map[string]GitURL{
		"https://example.com/a/b.git":    {Scheme: "https", Host: "example.com", Path: "/a/b.git"},
		"http://127.0.0.1:8080/x":        {Scheme: "http", Host: "127.0.0.1:8080", Path: "/x"},
		"ssh://git@example.com:2222/a/b": {Scheme: "ssh", User: "git", Host: "example.com:2222", Path: "/a/b"},
		"git@example.com:a/b.git":        {Scheme: "ssh", User: "git", Host: "example.com", Path: "a/b.git"},
		"example.com:a/b.git":            {Scheme: "ssh", Host: "example.com", Path: "a/b.git"},
		"HTTPS://example.com/a":          {Scheme: "https", Host: "example.com", Path: "/a"},
	}
	for address, want := range good {
		if got, err := ParseGitURL(address); err != nil || got != want {
			t.Errorf("%s: %+v, %v", address, got, err)
		}
	}
	for _, bad := range []string{
		"", "/srv/repo", "./repo", "file:///srv/repo", "ext::sh -c x", "ext::sh", "git://example.com/x", "ftp://example.com/x",
		"https://", "https://example.com", "https://example.com/", "https://a:hunter2@example.com/x", "https://hunter2@example.com/x",
		"ssh://git:hunter2@example.com/x", "ssh://-oProxyCommand=x/y", "ssh://-x@example.com/y", "-x@example.com:y", "-oProxyCommand=x:y",
		"https://example.com/x?token=hunter2", "https://example.com/x#main", "https://exa mple.com/x", "https://example.com/%zz\n", "transport::address",
	} {
		got, err := ParseGitURL(bad)
		if err == nil {
			t.Errorf("%q was taken as %+v", bad, got)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error has the secret: %v", bad, err)
		}
	}
}

func TestSecretVariablesLeaveTheSource(t *testing.T) {
	s := Source{Variables: map[string]string{"TAG": "1", "DB_PASSWORD": "hunter2"}}
	before := map[string]string{"OLD_TOKEN": "x"}
	secrets := SourceSecrets{Variables: before}
	s.TakeSecrets(&secrets)
	if !maps.Equal(s.Variables, map[string]string{"TAG": "1"}) || !slices.Equal(secrets.Held(), []string{"variables.DB_PASSWORD", "variables.OLD_TOKEN"}) {
		t.Errorf("source %v, secrets %v", s.Variables, secrets.Held())
	}
	if len(before) != 1 {
		t.Errorf("the caller's secrets were changed: %v", before)
	}
	s = Source{Variables: map[string]string{"TOKEN": "x"}}
	if s.TakeSecrets(&SourceSecrets{}); s.Variables != nil {
		t.Errorf("nothing is left, but %v", s.Variables)
	}
}

func TestNotifierCheck(t *testing.T) {
	tests := []struct {
		name   string
		n      Notifier
		secret string
		want   string
	}{
		{"webhook", Notifier{Name: "n", Webhook: "https://example.com/x?a=b"}, "s", ""},
		{"webhook without a secret", Notifier{Name: "n", Webhook: "https://example.com/x"}, "", "secret?"},
		{"webhook in clear", Notifier{Name: "n", Webhook: "http://example.com/x"}, "s", "webhook?"},
		{"webhook with a password", Notifier{Name: "n", Webhook: "https://a:hunter2@example.com/x"}, "s", "webhook"},
		{"no address", Notifier{Name: "n", Webhook: "example.com"}, "s", "webhook"},
		{"nobody", Notifier{Name: "n"}, "s", "webhook"},
		{"both", Notifier{Name: "n", Webhook: "https://x/y", Commit: &CommitStatus{Provider: "github"}}, "s", "webhook"},
		{"github", Notifier{Name: "n", Commit: &CommitStatus{Provider: "github", Repository: "a/b"}}, "s", ""},
		{"github without a token", Notifier{Name: "n", Commit: &CommitStatus{Provider: "github"}}, "", "secret"},
		{"gitea without an API", Notifier{Name: "n", Commit: &CommitStatus{Provider: "gitea"}}, "s", "commit.api"},
		{"somebody else", Notifier{Name: "n", Commit: &CommitStatus{Provider: "x", Repository: "b"}}, "s", "commit.provider commit.repository"},
		{"kinds and sources", Notifier{Name: "N", Webhook: "https://x/y", Kinds: []EventKind{"x", EventSynced}, Sources: []string{"A"}}, "s\n", "name kinds sources secret"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, f := range test.n.Check(test.secret) {
				field := f.Field
				if f.Warning {
					field += "?"
				}
				got = append(got, field)
				if strings.Contains(f.Message, "hunter2") {
					t.Errorf("message of %s: %q", f.Field, f.Message)
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("found %q, want %q", strings.Join(got, " "), test.want)
			}
		})
	}
}
