package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const docsFile = "../../docs/maelctl.md"

// The reference in docs/ is what the commands themselves say.
func TestCommandLineReferenceIsCurrent(t *testing.T) {
	var want bytes.Buffer
	writeReference(&want)
	if *update {
		if err := os.WriteFile(docsFile, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not what the commands say: run make generate", docsFile)
	}
}

// Every verb explains itself and shows how it is used.
func TestEveryVerbHasExamples(t *testing.T) {
	walk(newRoot(&app{lookupEnv: os.LookupEnv}), func(cmd *cobra.Command) {
		if cmd.Short == "" {
			t.Errorf("%s has no short text", cmd.CommandPath())
		}
		if !cmd.HasSubCommands() && !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
	})
}

// Every example is a command line that is understood.
func TestExamplesAreGood(t *testing.T) {
	a := &app{lookupEnv: os.LookupEnv}
	walk(newRoot(a), func(cmd *cobra.Command) {
		for _, line := range strings.Split(cmd.Example, "\n") {
			words := shellWords(line)
			if len(words) == 0 || words[0] != "maelctl" { // another program's part in it
				continue
			}
			found, rest, err := newRoot(a).Find(words[1:])
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err == nil {
				err = found.ValidateArgs(found.Flags().Args())
			}
			if err != nil || cmd.HasParent() && found.CommandPath() != cmd.CommandPath() {
				t.Errorf("%s shows %q: %v", cmd.CommandPath(), line, err)
			}
		}
	})
}

// shellWords splits a command line at blanks outside of single quotes, up to
// what belongs to the shell.
func shellWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		for _, word := range strings.Fields(part) {
			if strings.ContainsAny(word[:1], "&|<>") {
				return words
			}
			words = append(words, word)
		}
	}
	return words
}

func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		if !sub.Hidden && sub.Name() != "help" && sub.Name() != "completion" {
			walk(sub, visit)
		}
	}
}

func writeReference(w *bytes.Buffer) {
	fmt.Fprint(w, referenceHead)
	walk(newRoot(&app{lookupEnv: os.LookupEnv}), func(cmd *cobra.Command) { writeCommand(w, cmd) })
	fmt.Fprint(w, referenceTail)
}

func writeCommand(w *bytes.Buffer, cmd *cobra.Command) {
	fmt.Fprintf(w, "\n## %s\n\n", cmd.CommandPath())
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintln(w, text)
	if cmd.HasSubCommands() && cmd.HasParent() {
		return
	}
	if cmd.Example != "" {
		fmt.Fprintf(w, "\n```\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(cmd.Example, "  "), "\n  ", "\n"))
	}
	var rows strings.Builder
	cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" && !isCommon(f) {
			writeFlag(&rows, f)
		}
	})
	if rows.Len() > 0 {
		fmt.Fprintf(w, "\n| flag | meaning | default |\n|---|---|---|\n%s", &rows)
	}
}

// isCommon tells whether a flag is explained once, at the top of the page.
func isCommon(f *pflag.Flag) bool {
	switch f.Name {
	case "output":
		return f.Usage == "output format: text, json, yaml, ndjson"
	case "json", "jq", "template":
		return true
	}
	return false
}

func writeFlag(w *strings.Builder, f *pflag.Flag) {
	name := "`--" + f.Name + "`"
	if f.Shorthand != "" {
		name += ", `-" + f.Shorthand + "`"
	}
	fallback := f.DefValue
	if fallback == "[]" {
		fallback = ""
	}
	fmt.Fprintf(w, "| %s | %s | %s |\n", name, f.Usage, fallback)
}

const referenceHead = `# maelctl

This page is made from what the commands say of themselves. Every verb has
` + "`--help`" + `, and ` + "`maelctl completion bash|zsh|fish`" + ` prints a script that makes a shell
complete verbs, flags, and the names that the daemon knows:

` + "```" + `
source <(maelctl completion bash)
` + "```" + `

## Output

Data goes to standard output, messages go to standard error. Colours are for
terminals only. These flags are those of every verb that prints something:

| flag | meaning |
|---|---|
| ` + "`--output`, `-o`" + ` | text (the default, for people), json, yaml, or ndjson: an item of a list on each line |
| ` + "`--json`" + ` | print JSON with these fields only, comma-separated: of each item of a list, or of the document |
| ` + "`--jq`, `-q`" + ` | filter the JSON by a jq expression; a text is printed without quotes |
| ` + "`--template`, `-t`" + ` | format the JSON by a Go template; it can call join, json, pluck, timeago, timefmt and truncate as well |

Each JSON document is an object with ` + "`format_version`" + `. Fields may be added in later
releases and are never renamed. Lists are there when they are empty; times are
RFC 3339, durations seconds, memory is in MiB.

` + "```" + `
maelctl cluster ps --json component,state,reason
maelctl project ls --jq '.projects[] | select(.healthy | not) | .name'
maelctl comp ls --template '{{range .components}}{{.name}} {{.state}}{{"\n"}}{{end}}'
` + "```" + `

## Environment

| variable | meaning |
|---|---|
| MAELSTROM_PRIVATE_URL | address of a daemon's private port; a token may stand in it, as in ` + "`http://x:TOKEN@127.0.0.1:8374`" + ` |
| MAELSTROM_API_TOKEN | token to show to the daemon |
| MAEL_DATA_DIR | data directory of the daemon on this machine, where its address and token are found if neither is set (default as for maelstromd) |
| MAELSTROM_ACTOR | who asks, for the history of a project (default: the user's name) |
| NO_COLOR | no colours, if not empty |
`

const referenceTail = `
## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | internal or server error, or the daemon can't be reached |
| 2 | there are changes (only with --detailed-exitcode) |
| 3 | the input is not valid, or a file is missing |
| 4 | no token, a wrong one, or one that may not do this |
| 5 | conflict: something moved, is owned by another, or a removal was not approved |
| 6 | not found |
| 7 | some projects were applied, others not |
| 8 | timed out, or unhealthy after an apply that happened |
| 64 | wrong flag or argument |
| 130 | interrupted |
`
