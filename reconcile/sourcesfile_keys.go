package reconcile

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/project/strict"
)

// source reads one source.
func (p *sourcesParser) source(n *yaml.Node, path string) DeclaredSource {
	s, secrets := &cluster.Source{}, &cluster.SourceSecrets{}
	at := map[string]*yaml.Node{} // by the field that a check names
	keys := strict.Keys{
		"name":        set(p.text, &s.Name),
		"dir":         set(p.text, &s.Dir),
		"paths":       set(p.texts, &s.Paths),
		"exclude":     set(p.texts, &s.Exclude),
		"overlay":     set(p.text, &s.Overlay),
		"allowunset":  set(p.boolean, &s.AllowUnset),
		"sourcesfile": set(p.text, &s.SourcesFile),
		"interval":    set(p.interval, &s.IntervalSeconds),
		"prune":       func(n *yaml.Node, path string) { s.Prune = cluster.PrunePolicy(p.text(n, path)) },
		"rollback":    func(n *yaml.Node, path string) { s.Rollback = cluster.RollbackPolicy(p.text(n, path)) },
		"brake":       set(p.brake, &s.Brake),
		"limits":      set(p.limits, &s.Limits),
		"vars":        func(n *yaml.Node, path string) { p.vars(n, path, s) },
		"varsfile":    func(n *yaml.Node, path string) { p.varsFile(n, path, s) },
		"git":         func(n *yaml.Node, path string) { s.Git = p.git(n, path, secrets, at) },
	}
	p.secret(keys, "webhooksecret", &secrets.WebhookSecret)
	p.Mapping(n, path, noting(keys, at, map[string]string{
		"webhooksecret": "secrets.webhook_secret", "webhooksecretfile": "secrets.webhook_secret", "vars": "variables",
	}))
	declared := DeclaredSource{Spec: s, At: p.at(n)}
	if !p.in.Inside {
		s.TakeSecrets(secrets)
		declared.Secrets = secrets
	}
	if n.Kind == yaml.MappingNode {
		p.found(s.Check(*secrets), n, path, at)
	}
	return declared
}

func (p *sourcesParser) git(n *yaml.Node, path string, secrets *cluster.SourceSecrets, at map[string]*yaml.Node) *cluster.GitSource {
	g := &cluster.GitSource{}
	keys := strict.Keys{
		"url":            set(p.text, &g.URL),
		"ref":            set(p.text, &g.Ref),
		"forcepush":      func(n *yaml.Node, path string) { g.ForcePush = cluster.ForcePush(p.text(n, path)) },
		"username":       set(p.text, &g.Username),
		"proxy":          set(p.text, &g.Proxy),
		"knownhosts":     set(p.text, &g.KnownHosts),
		"ca":             set(p.text, &g.CA),
		"knownhostsfile": set(p.file, &g.KnownHosts),
		"cafile":         set(p.file, &g.CA),
	}
	p.secret(keys, "token", &secrets.Token)
	p.secret(keys, "password", &secrets.Password)
	keys["sshkeyfile"] = set(p.file, &secrets.SSHKey)
	keys["sshpassphrasefile"] = func(n *yaml.Node, path string) { secrets.SSHPassphrase = strings.TrimRight(p.file(n, path), "\r\n") }
	fields := map[string]string{
		"token": "secrets.token", "tokenfile": "secrets.token", "password": "secrets.password", "passwordfile": "secrets.password",
		"sshkeyfile": "secrets.ssh_key", "sshpassphrasefile": "secrets.ssh_passphrase",
	}
	for key := range keys {
		if fields[key] == "" {
			fields[key] = "git." + strings.TrimSuffix(key, "file")
		}
	}
	p.Mapping(n, path, noting(keys, at, fields))
	return g
}

// notifier reads one notifier.
func (p *sourcesParser) notifier(n *yaml.Node, path string) DeclaredNotifier {
	s, secret := &cluster.Notifier{}, ""
	at := map[string]*yaml.Node{}
	keys := strict.Keys{
		"name":    set(p.text, &s.Name),
		"webhook": set(p.text, &s.Webhook),
		"sources": set(p.texts, &s.Sources),
		"kinds": func(n *yaml.Node, path string) {
			for _, kind := range p.texts(n, path) {
				s.Kinds = append(s.Kinds, cluster.EventKind(kind))
			}
		},
		"alerts": func(n *yaml.Node, path string) {
			for _, kind := range p.texts(n, path) {
				s.Alerts = append(s.Alerts, cluster.AlertKind(kind))
			}
		},
		"severities": func(n *yaml.Node, path string) {
			for _, severity := range p.texts(n, path) {
				s.Severities = append(s.Severities, cluster.EventSeverity(severity))
			}
		},
		"commit": func(n *yaml.Node, path string) {
			s.Commit = &cluster.CommitStatus{}
			p.Mapping(n, path, noting(strict.Keys{
				"provider": set(p.text, &s.Commit.Provider), "api": set(p.text, &s.Commit.API),
				"repository": set(p.text, &s.Commit.Repository), "context": set(p.text, &s.Commit.Context),
			}, at, map[string]string{"provider": "commit.provider", "api": "commit.api", "repository": "commit.repository"}))
		},
	}
	p.secret(keys, "secret", &secret)
	p.Mapping(n, path, noting(keys, at, map[string]string{"secretfile": "secret"}))
	declared := DeclaredNotifier{Spec: s, At: p.at(n)}
	if !p.in.Inside {
		declared.Secret = &secret
	}
	if n.Kind == yaml.MappingNode {
		p.found(s.Check(secret), n, path, at)
	}
	return declared
}

// set reads a value into a field.
func set[T any](read func(*yaml.Node, string) T, field *T) func(*yaml.Node, string) {
	return func(n *yaml.Node, path string) { *field = read(n, path) }
}

// secret adds a key and its twin that names a file.
func (p *sourcesParser) secret(keys strict.Keys, name string, field *string) {
	keys[name] = func(n *yaml.Node, path string) {
		if p.in.Inside {
			p.Add(n, path, "a secret has no place in a repository", "set it by maelctl source set; it is kept")
			return
		}
		*field = p.text(n, path)
	}
	keys[name+"file"] = func(n *yaml.Node, path string) { *field = strings.TrimRight(p.file(n, path), "\r\n") }
}

// noting remembers where each field was written, under the name by which a
// check calls it.
func noting(keys strict.Keys, at map[string]*yaml.Node, fields map[string]string) strict.Keys {
	out := strict.Keys{}
	for key, read := range keys {
		field := fields[key]
		if field == "" {
			field = key
		}
		out[key] = func(n *yaml.Node, path string) {
			at[field] = n
			read(n, path)
		}
	}
	return out
}

func (p *sourcesParser) at(n *yaml.Node) project.Position {
	return project.Position{File: p.in.File, Line: n.Line, Column: n.Column}
}

// found takes over what a check says. Secrets of a source that is declared
// inside of another are not in the file.
func (p *sourcesParser) found(findings []cluster.Finding, n *yaml.Node, path string, at map[string]*yaml.Node) {
	for _, f := range findings {
		if p.in.Inside && (strings.HasPrefix(f.Field, "secret") || f.Field == "git.username") {
			continue
		}
		where := n
		if node := at[f.Field]; node != nil {
			where = node
		} else if parent, _, ok := strings.Cut(f.Field, "."); ok && at[parent] != nil {
			where = at[parent]
		}
		p.Add(where, path+"."+strings.TrimPrefix(f.Field, "secrets."), f.Message, "")
		if f.Warning {
			p.Problems[len(p.Problems)-1].Severity = project.Warning
		}
	}
}

// interval is a duration, or a number of seconds.
func (p *sourcesParser) interval(n *yaml.Node, path string) int {
	text := p.text(n, path)
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return seconds
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d%time.Second != 0 {
		p.Add(n, path, "an interval is a number of seconds or a duration, from 1s", "such as 30s or 5m")
		return 0
	}
	return int(d / time.Second)
}

func (p *sourcesParser) brake(n *yaml.Node, path string) *cluster.Brake {
	b := &cluster.Brake{Components: brakeComponents, Percent: brakePercent}
	p.Mapping(n, path, strict.Keys{
		"components": func(n *yaml.Node, path string) { b.Components = int(p.number(n, path)) },
		"percent":    func(n *yaml.Node, path string) { b.Percent = int(p.number(n, path)) },
	})
	return b
}

func (p *sourcesParser) limits(n *yaml.Node, path string) (l cluster.Limits) {
	p.Mapping(n, path, strict.Keys{
		"depth":      func(n *yaml.Node, path string) { l.Depth = int(p.number(n, path)) },
		"files":      func(n *yaml.Node, path string) { l.Files = int(p.number(n, path)) },
		"filebytes":  set(p.number, &l.FileBytes),
		"totalbytes": set(p.number, &l.TotalBytes),
		"fetchbytes": set(p.number, &l.FetchBytes),
	})
	return l
}

// vars are variables as they are written; they count before those of a file.
func (p *sourcesParser) vars(n *yaml.Node, path string, s *cluster.Source) {
	written := map[string]string{}
	p.EachName(n, path, func(name string, value *yaml.Node, path string) { written[name] = p.text(value, path) })
	s.Variables = merged(s.Variables, written)
}

func (p *sourcesParser) varsFile(n *yaml.Node, path string, s *cluster.Source) {
	vars, err := project.ParseEnv([]byte(p.file(n, path)))
	if err != nil {
		p.Add(n, path, strings.Join(slices.Sorted(strings.SplitSeq(err.Error(), "\n")), "; "), "each line is NAME=value")
	}
	read := map[string]string{}
	for _, v := range vars {
		read[v.Name] = v.Value
	}
	s.Variables = merged(read, s.Variables)
}

// merged is low with what high has over it.
func merged(low, high map[string]string) map[string]string {
	out := maps.Clone(low)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, high)
	return out
}
