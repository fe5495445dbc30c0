package reconcile

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"maelstrom/cluster"
)

const fullSources = `sources:
  - name: main
    git:
      url: https://git.test/${TEAM}/deploy.git
      ref: main
      forcepush: deny
      username: ann
      tokenfile: /secrets/token
    paths: ["apps/**"]
    exclude: [old/**]
    overlay: live
    vars: {REGION: eu, API_TOKEN: '${TOKEN:-hunter2}'}
    varsfile: /vars.env
    interval: 5m
    prune: confirm
    rollback: auto
    brake: {percent: 50}
    limits: {depth: 3, filebytes: 1000}
    webhooksecret: a-secret-of-sixteen
    sourcesfile: sources.yml
  - name: local
    dir: /srv/projects
    interval: 30
notifiers:
  - name: chat
    webhook: https://chat.test/hook
    secret: a-secret-of-sixteen
    kinds: [failed, recovered]
    sources: [main]
    alerts: [node_lost, disk_full]
    severities: [error]
`

func sourcesInput(text string) SourcesInput {
	return SourcesInput{
		File: "sources.yml", Data: []byte(text),
		Lookup: func(name string) (string, bool) { return "ops", name == "TEAM" },
		ReadFile: func(path string) ([]byte, error) {
			files := map[string]string{"/secrets/token": "glpat-1\n", "/vars.env": "REGION=us\nSIZE=2\n"}
			if text, ok := files[path]; ok {
				return []byte(text), nil
			}
			return nil, os.ErrNotExist
		},
	}
}

func TestSourcesFile(t *testing.T) {
	declared, problems := ParseSources(sourcesInput(fullSources))
	if err := firstError(problems); err != nil || len(declared.Sources) != 2 || len(declared.Notifiers) != 1 {
		t.Fatalf("%v, %+v", problems, declared)
	}
	s, secrets := declared.Sources[0].Spec, declared.Sources[0].Secrets
	if s.Git.URL != "https://git.test/ops/deploy.git" || s.Git.ForcePush != cluster.ForcePushDeny || s.IntervalSeconds != 300 ||
		s.Prune != cluster.PruneConfirm || s.Rollback != cluster.RollbackAuto || *s.Brake != (cluster.Brake{Components: 5, Percent: 50}) || s.Limits.Depth != 3 || s.SourcesFile != "sources.yml" {
		t.Errorf("spec %+v", s)
	}
	if fmt.Sprint(s.Variables) != "map[REGION:eu SIZE:2]" || secrets.Variables["API_TOKEN"] != "hunter2" || secrets.Token != "glpat-1" {
		t.Errorf("variables %v, secrets %v", s.Variables, secrets.Held())
	}
	if d := declared.Sources[1].Spec; d.Dir != "/srv/projects" || d.IntervalSeconds != 30 {
		t.Errorf("directory %+v", d)
	}
	if n := declared.Notifiers[0]; n.Spec.Webhook != "https://chat.test/hook" || *n.Secret != "a-secret-of-sixteen" || len(n.Spec.Kinds) != 2 || len(n.Spec.Alerts) != 2 || len(n.Spec.Severities) != 1 {
		t.Errorf("notifier %+v", n.Spec)
	}
}

func TestSourcesFileProblems(t *testing.T) {
	const head = "sources:\n  - name: a\n    dir: /srv/a\n"
	for _, tt := range []struct {
		name, text string
		inside     bool
		want       string
	}{
		{"unknown key", head + "    intervall: 5\n", false, "sources.yml:4:5: sources[0].intervall: there is no such key; did you mean interval?"},
		{"unknown key without a neighbour", head + "    zzzzzzzz: 5\n", false, "the keys here are allowunset, brake"},
		{"key twice", head + "    name: b\n", false, "sources.yml:4:5: sources[0].name: the key is written twice"},
		{"name twice", head + "  - name: a\n    dir: /srv/b\n", false, "sources.yml:4:5: sources[1].name: the source a is declared in line 2 as well"},
		{"not YAML", "sources: [", false, "sources.yml:1:1: this is not YAML"},
		{"a list that is none", "sources: {}", false, "sources.yml:1:10: sources: a list belongs here"},
		{"a mapping that is none", "- a\n", false, "sources.yml:1:1: a mapping belongs here"},
		{"two documents", head + "---\nsources: []\n", false, "more than one document"},
		{"an alias", "sources:\n  - &x {name: a, dir: /a}\n  - {name: b, dir: /b, paths: *x}\n", false, "aliases are not read here"},
		{"interval", head + "    interval: 0.5s\n", false, "sources.yml:4:15: sources[0].interval: an interval is"},
		{"number", head + "    brake: {percent: many}\n", false, "sources.yml:4:22: sources[0].brake.percent: a whole number"},
		{"boolean", head + "    allowunset: yes\n", false, "sources.yml:4:17: sources[0].allowunset: true or false"},
		{"unset variable", head + "    overlay: ${NOT}\n", false, "sources.yml:4:14: sources[0].overlay: the variable NOT is not set"},
		{"missing file", head + "    varsfile: /none\n", false, "sources.yml:4:15: sources[0].varsfile: \"/none\" can't be read: no such file"},
		{"a check", "sources:\n  - name: a\n    git: {url: 'https://ann:hunter2@git.test/x'}\n", false, "sources.yml:3:16: sources[0].git.url: the url has a password"},
		{"a check of what is missing", "sources:\n  - name: a\n", false, "sources.yml:2:5: sources[0].git: a source needs git or dir"},
		{"a bad rollback", head + "    rollback: always\n", false, "sources.yml:4:15: sources[0].rollback: rollback is never or auto"},
		{"a bad policy", head + "    prune: maybe\n", false, "sources.yml:4:12: sources[0].prune: prune is auto"},
		{"a secret in a repository", "sources:\n  - {name: a, git: {url: 'https://git.test/x', token: hunter2}}\n", true, "a secret has no place in a repository"},
		{"a file in a repository", "sources:\n  - {name: a, git: {url: 'https://git.test/x', tokenfile: /etc/shadow}}\n", true, "can't name files of a node"},
		{"a notifier", "notifiers:\n  - {name: n, webhook: x}\n", false, "sources.yml:2:24: notifiers[0].webhook:"},
		{"an alert", "notifiers:\n  - name: n\n    webhook: https://x.test/\n    alerts: [fire]\n", false, `there are no alerts of kind "fire"`},
		{"not UTF-8", "sources: \xff", false, "not UTF-8"},
	} {
		in := sourcesInput(tt.text)
		if in.Inside = tt.inside; tt.inside {
			in.ReadFile, in.Lookup = nil, nil
		}
		_, problems := ParseSources(in)
		err := firstError(problems)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the secret is in %v", tt.name, err)
		}
	}
	inside, problems := ParseSources(SourcesInput{File: "s.yml", Inside: true, Data: []byte("sources: [{name: a, git: {url: 'ssh://git@git.test/x', knownhosts: 'git.test ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIHmCnrCqOjeS5PVHdOtmXnQX4cTu7NtSYXUcrVgvaGj'}, overlay: '${HOME}'}]")})
	if len(inside.Sources) != 1 || inside.Sources[0].Secrets != nil {
		t.Errorf("inside: %+v, %v", inside, problems)
	}
	for _, cut := range []string{"", "# nothing\n", "{}", "---\n", "sources:\n", "sources: []\nnotifiers:\n"} {
		_, problems := ParseSources(sourcesInput(cut))
		if err := firstError(problems); err == nil || !strings.Contains(err.Error(), ": [] if nothing is meant") {
			t.Errorf("%q may be the beginning of anything: %v", cut, err)
		}
	}
	for _, none := range []string{"sources: []\n", "notifiers: []\n"} {
		if d, problems := ParseSources(sourcesInput(none)); len(problems) > 0 || len(d.Sources) > 0 {
			t.Errorf("%q: %v", none, problems)
		}
	}
	secret := sourcesInput(head + "    varsfile: /run/${TEAM}\n")
	secret.ReadFile = func(path string) ([]byte, error) { return nil, fmt.Errorf("%s is broken", path) }
	_, problems = ParseSources(secret)
	if err := firstError(problems); err == nil || strings.Contains(err.Error(), "ops") || !strings.Contains(err.Error(), `"/run/${TEAM}" can't be read`) {
		t.Errorf("the path of a file: %v", err)
	}
}

func FuzzSourcesFile(f *testing.F) {
	f.Add(fullSources, false)
	f.Add("sources: [{name: ${X}, git: {url: *a}}]", true)
	f.Fuzz(func(t *testing.T, text string, inside bool) {
		in := sourcesInput(text)
		in.Inside = inside
		_, problems := ParseSources(in)
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Message == "" {
				t.Errorf("problem without a place: %+v", p)
			}
		}
	})
}
