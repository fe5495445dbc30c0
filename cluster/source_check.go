package cluster

import (
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"maelstrom/project"
)

const (
	maxInterval    = 30 * 24 * 60 * 60 // seconds
	maxBrake       = 1_000_000         // components
	maxDeclaration = 1 << 20           // bytes of one secret, of known hosts or certificates
)

var (
	overlayName  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}$`)
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// Check tells what is wrong with a source, without looking at anything
// outside. No message has a secret in it.
func (s *Source) Check(secrets SourceSecrets) []Finding {
	var f findings
	f.name("source", s.Name)
	switch {
	case s.Git != nil && s.Dir != "":
		f.add("git", "a source has git or dir, not both")
	case s.Git != nil:
		s.Git.check(&f, &secrets)
	case s.Dir != "":
		s.checkDir(&f, &secrets)
	default:
		f.add("git", "a source needs git or dir: where its files are")
	}
	s.checkFiles(&f)
	s.checkVariables(&f, &secrets)
	s.checkLoop(&f)
	s.Limits.check(&f)
	checkWebhookSecret(&f, secrets.WebhookSecret)
	return f
}

func (s *Source) checkDir(f *findings, secrets *SourceSecrets) {
	switch {
	case !filepath.IsAbs(s.Dir):
		f.add("dir", "%q is not an absolute path: every node that may hold the source looks there", s.Dir)
	case filepath.Clean(s.Dir) != s.Dir:
		f.add("dir", "%q is written as %q", s.Dir, filepath.Clean(s.Dir))
	}
	for _, name := range secrets.credentials() {
		f.add("secrets."+name, "a directory takes no %s: only git does", name)
	}
}

// credentials names the secrets that are set for fetching.
func (s *SourceSecrets) credentials() []string {
	return slices.DeleteFunc(s.Held(), func(name string) bool {
		return name == "webhook_secret" || strings.HasPrefix(name, "variables.")
	})
}

func (s *Source) checkFiles(f *findings) {
	for _, glob := range s.Paths {
		checkGlob(f, "paths", glob)
	}
	for _, glob := range s.Exclude {
		checkGlob(f, "exclude", glob)
	}
	if s.Overlay != "" && !overlayName.MatchString(s.Overlay) {
		f.add("overlay", "%q is not a name: an overlay lies beside its file, as maelstrom.NAME.yml", s.Overlay)
	}
	if p := s.SourcesFile; p != "" && (path.IsAbs(p) || path.Clean(p) != p || p == ".." || strings.HasPrefix(p, "../") || p == ".") {
		f.add("sourcesfile", "%q is not the path of a file inside the source", p)
	}
}

func checkGlob(f *findings, field, glob string) {
	switch {
	case glob == "":
		f.add(field, "an empty pattern matches nothing")
	case strings.HasPrefix(glob, "/") || slices.Contains(strings.Split(glob, "/"), ".."):
		f.add(field, "%q leads out of the source: patterns are relative to its top", glob)
	case !doublestar.ValidatePattern(glob):
		f.add(field, "%q is not a pattern: * stands for text in one name, ** for directories, {a,b} for either, [a-z] for a letter", glob)
	}
}

func (s *Source) checkVariables(f *findings, secrets *SourceSecrets) {
	for _, name := range slices.Sorted(maps.Keys(s.Variables)) {
		switch _, twice := secrets.Variables[name]; {
		case !variableName.MatchString(name):
			f.add("variables", "%q is not the name of a variable", name)
		case twice:
			f.add("variables", "%s is set twice, once as a secret", name)
		case project.Secret(name):
			f.add("variables", "%s is a secret by its name, and would be shown here", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(secrets.Variables)) {
		if !variableName.MatchString(name) {
			f.add("secrets.variables", "%q is not the name of a variable", name)
		}
	}
}

func (s *Source) checkLoop(f *findings) {
	if s.IntervalSeconds < 0 || s.IntervalSeconds > maxInterval {
		f.add("interval", "an interval is from 1 second to 30 days, not %d seconds", s.IntervalSeconds)
	}
	switch s.Prune {
	case "", PruneAuto, PruneNever, PruneConfirm:
	default:
		f.add("prune", "prune is auto, never or confirm, not %q", s.Prune)
	}
	switch s.Rollback {
	case "", RollbackNever, RollbackAuto:
	default:
		f.add("rollback", "rollback is never or auto, not %q", s.Rollback)
	}
	if b := s.Brake; b != nil {
		if b.Components < 0 || b.Components > maxBrake {
			f.add("brake.components", "the brake stops removals of more than 0 to %d components, not %d", maxBrake, b.Components)
		}
		if b.Percent < 0 || b.Percent > 100 {
			f.add("brake.percent", "the brake stops removals of more than 0 to 100 percent, not %d", b.Percent)
		}
	}
}

func (l *Limits) check(f *findings) {
	for _, limit := range []struct {
		name  string
		value int64
	}{
		{"depth", int64(l.Depth)}, {"files", int64(l.Files)},
		{"filebytes", l.FileBytes}, {"totalbytes", l.TotalBytes}, {"fetchbytes", l.FetchBytes},
	} {
		if limit.value < 0 {
			f.add("limits."+limit.name, "a limit is not negative")
		}
	}
}

const minWebhookSecret = 16

func checkWebhookSecret(f *findings, secret string) {
	switch {
	case secret == "":
	case strings.TrimSpace(secret) != secret:
		f.add("secrets.webhook_secret", "the webhook secret begins or ends with a blank or a line end")
	case len(secret) < minWebhookSecret:
		f.warn("secrets.webhook_secret", "the webhook secret is short: whoever guesses it can forge deliveries")
	}
}

// TakeSecrets moves the variables whose names are secret from the source to
// its secrets.
func (s *Source) TakeSecrets(secrets *SourceSecrets) {
	open := map[string]string{}
	hidden := maps.Clone(secrets.Variables)
	for name, value := range s.Variables {
		if !project.Secret(name) {
			open[name] = value
			continue
		}
		if hidden == nil {
			hidden = map[string]string{}
		}
		hidden[name] = value
	}
	secrets.Variables = hidden
	if s.Variables != nil {
		s.Variables = open
	}
	if len(s.Variables) == 0 {
		s.Variables = nil
	}
}
