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
		if !cmd.HasSubCommands() && cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
	})
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
	fmt.Fprintln(w, "# maelctl")
	fmt.Fprintln(w, "\nThis page is made from what the commands say of themselves.")
	walk(newRoot(&app{lookupEnv: os.LookupEnv}), func(cmd *cobra.Command) { writeCommand(w, cmd) })
	fmt.Fprint(w, exitCodeTable)
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
	flags := cmd.NonInheritedFlags()
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(w, "\n| flag | meaning | default |\n|---|---|---|\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name += ", `-" + f.Shorthand + "`"
		}
		fallback := f.DefValue
		if fallback == "[]" {
			fallback = ""
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", name, f.Usage, fallback)
	})
}

const exitCodeTable = `
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
