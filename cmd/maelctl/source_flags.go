package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"maelstrom/cluster"
	"maelstrom/project"
)

// sourceFlags are what a source may be declared with. What is not given is
// left as it is.
type sourceFlags struct {
	git, dir        string
	ref             string
	paths, exclude  []string
	interval        string
	overlay         string
	vars            string
	allowUnset      bool
	username        string
	knownHosts, ca  string
	proxy           string
	forcePush       string
	prune           string
	rollback        string
	brakeComponents int
	brakePercent    int
	limits          map[string]string
	sourcesFile     string
	secrets         secretFlags

	given *pflag.FlagSet
}

func (f *sourceFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.given = flags
	flags.StringVar(&f.git, "git", "", "URL of a git repository: https, http, ssh, or user@host:path")
	flags.StringVar(&f.dir, "dir", "", "directory on the daemons' machines, by its absolute path")
	flags.StringVar(&f.ref, "ref", "", "branch, tag, range of versions such as ^1.2, or commit (default: the repository's default branch)")
	flags.StringArrayVar(&f.paths, "path", nil, "only project files that this pattern matches, such as 'apps/**' (repeatable)")
	flags.StringArrayVar(&f.exclude, "exclude", nil, "no project files that this pattern matches (repeatable)")
	flags.StringVar(&f.interval, "interval", "", "time between two looks, from 1s (default: 1m, or 5m with a webhook)")
	flags.StringVar(&f.overlay, "overlay", "", "overlay that is merged into every project that has it")
	flags.StringVar(&f.vars, "vars", "", "dotenv file with the variables of the source; it replaces all of them")
	flags.BoolVar(&f.allowUnset, "allow-unset", false, "variables that are not set are empty")
	flags.StringVar(&f.username, "username", "", "user name for the repository")
	flags.StringVar(&f.knownHosts, "known-hosts", "", "file with the keys of SSH hosts, as ssh-keyscan prints them")
	flags.StringVar(&f.ca, "ca", "", "file with certificates that HTTPS hosts may be signed by, in PEM")
	flags.StringVar(&f.proxy, "proxy", "", "address of an HTTP or SOCKS5 proxy")
	flags.StringVar(&f.forcePush, "force-push", "", "what to do about rewritten history: allow (follow it) or deny (default: allow)")
	flags.StringVar(&f.prune, "prune", "", "what becomes of what the source no longer has: auto (removed), never (kept) or confirm (default: auto)")
	flags.StringVar(&f.rollback, "rollback", "", "what becomes of a project with a version that fails to roll out: never (it stays) or auto (it goes back to its last good revision) (default: never)")
	flags.IntVar(&f.brakeComponents, "brake-components", 5, "removals of up to so many components need no approval")
	flags.IntVar(&f.brakePercent, "brake-percent", 30, "removals of up to so many percent of the components need no approval")
	flags.StringToStringVar(&f.limits, "limit", nil, "bounds of what is read: depth, files, filebytes, totalbytes, fetchbytes; files= takes one back")
	flags.StringVar(&f.sourcesFile, "sources-file", "", "file in the source that declares further sources")
	for _, name := range []string{"vars", "known-hosts", "ca"} {
		cobra.CheckErr(cmd.RegisterFlagCompletionFunc(name, completeFiles))
	}
	f.secrets.register(cmd)
	for name, values := range map[string][]string{
		"prune": {"auto", "never", "confirm"}, "rollback": {"never", "auto"}, "force-push": {"allow", "deny"}, "auth": {authToken, authBasic, authSSH, authNone},
	} {
		cobra.CheckErr(cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)))
	}
}

// change makes spec what the flags say.
func (f *sourceFlags) change(a *app, spec *cluster.Source, edit *secretEdit) error {
	if f.has("git") && f.has("dir") {
		return usagef("--git and --dir exclude each other")
	}
	if f.has("dir") {
		spec.Dir, spec.Git = f.dir, nil
	}
	if f.has("git") {
		if spec.Git == nil {
			spec.Git = &cluster.GitSource{}
		}
		spec.Git.URL, spec.Dir = f.git, ""
	}
	if err := f.changeGit(a, spec); err != nil {
		return err
	}
	f.changeFiles(spec)
	if err := f.changeLoop(spec); err != nil {
		return err
	}
	return f.changeVariables(a, spec, edit)
}

func (f *sourceFlags) has(name string) bool { return f.given.Changed(name) }

// changeGit sets what only a repository has.
func (f *sourceFlags) changeGit(a *app, spec *cluster.Source) error {
	for _, name := range []string{"ref", "username", "known-hosts", "ca", "proxy", "force-push"} {
		if f.has(name) && spec.Git == nil {
			return usagef("--%s is for git repositories: name one by --git", name)
		}
	}
	if spec.Git == nil {
		return nil
	}
	git := *spec.Git // the row that it came from is not ours
	spec.Git = &git
	setString(f, "ref", &git.Ref, f.ref)
	setString(f, "username", &git.Username, f.username)
	setString(f, "proxy", &git.Proxy, f.proxy)
	if f.has("force-push") {
		git.ForcePush = cluster.ForcePush(f.forcePush)
	}
	for name, field := range map[string]struct {
		path string
		to   *string
	}{"known-hosts": {f.knownHosts, &git.KnownHosts}, "ca": {f.ca, &git.CA}} {
		if !f.has(name) {
			continue
		}
		text, err := a.flagFile(name, field.path)
		if err != nil {
			return err
		}
		*field.to = text
	}
	return nil
}

func setString(f *sourceFlags, name string, to *string, value string) {
	if f.has(name) {
		*to = value
	}
}

func (f *sourceFlags) changeFiles(spec *cluster.Source) {
	notEmpty := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "" })
	}
	if f.has("path") {
		spec.Paths = notEmpty(f.paths)
	}
	if f.has("exclude") {
		spec.Exclude = notEmpty(f.exclude)
	}
	setString(f, "overlay", &spec.Overlay, f.overlay)
	setString(f, "sources-file", &spec.SourcesFile, f.sourcesFile)
	if f.has("allow-unset") {
		spec.AllowUnset = f.allowUnset
	}
}

func (f *sourceFlags) changeLoop(spec *cluster.Source) error {
	if f.has("interval") {
		interval, err := time.ParseDuration(cmp.Or(f.interval, "0"))
		if err != nil || interval != 0 && interval < time.Second || interval%time.Second != 0 {
			return usagef("--interval %q is not a number of seconds from 1s, such as 30s or 5m", f.interval)
		}
		spec.IntervalSeconds = int(interval / time.Second)
	}
	if f.has("rollback") {
		spec.Rollback = cluster.RollbackPolicy(f.rollback)
	}
	if f.has("prune") {
		spec.Prune = cluster.PrunePolicy(f.prune)
	}
	if f.has("brake-components") || f.has("brake-percent") {
		brake := cluster.Brake{Components: 5, Percent: 30}
		if spec.Brake != nil {
			brake = *spec.Brake
		}
		if f.has("brake-components") {
			brake.Components = f.brakeComponents
		}
		if f.has("brake-percent") {
			brake.Percent = f.brakePercent
		}
		spec.Brake = &brake
	}
	return f.changeLimits(&spec.Limits)
}

func (f *sourceFlags) changeLimits(limits *cluster.Limits) error {
	for name, text := range f.limits {
		value, err := strconv.ParseInt(cmp.Or(text, "0"), 10, 64)
		if err != nil || value < 0 || value > math.MaxInt32 && !strings.HasSuffix(strings.ToLower(name), "bytes") {
			return usagef("--limit %s=%s is not a number", name, text)
		}
		switch strings.ToLower(name) {
		case "depth":
			limits.Depth = int(value)
		case "files":
			limits.Files = int(value)
		case "filebytes":
			limits.FileBytes = value
		case "totalbytes":
			limits.TotalBytes = value
		case "fetchbytes":
			limits.FetchBytes = value
		default:
			return usagef("--limit %q is none of depth, files, filebytes, totalbytes and fetchbytes", name)
		}
	}
	return nil
}

// changeVariables replaces all variables by those of a file. Those with secret
// names end up among the secrets.
func (f *sourceFlags) changeVariables(a *app, spec *cluster.Source, edit *secretEdit) error {
	if !f.has("vars") {
		return nil
	}
	spec.Variables = nil
	edit.clear = append(edit.clear, "variables")
	if f.vars == "" {
		return nil
	}
	text, err := a.flagFile("vars", f.vars)
	if err != nil {
		return err
	}
	variables, err := project.ParseEnv([]byte(text))
	if err != nil {
		return exitWith(exitInvalid, fmt.Errorf("read --vars %s: %w", f.vars, err))
	}
	spec.Variables = map[string]string{}
	for _, v := range variables {
		spec.Variables[v.Name] = v.Value
	}
	return nil
}

// flagFile reads the file that a flag names; - is standard input, and nothing
// is nothing.
func (a *app) flagFile(flag, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	data, err := disk{stdin: a.stdin}.readFile(path)
	if err != nil {
		return "", exitWith(exitInvalid, fmt.Errorf("read --%s: %w", flag, err))
	}
	return string(data), nil
}
