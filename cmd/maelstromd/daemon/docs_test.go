package daemon

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"
)

//go:generate go test . -run Configuration -update

var update = flag.Bool("update", false, "write the generated documentation")

const docsFile = "../../../docs/configuration.md"

// The table in docs/ is what the daemon reads.
func TestConfigurationTableIsCurrent(t *testing.T) {
	var want bytes.Buffer
	writeConfiguration(&want)
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
		t.Errorf("%s is not what the daemon reads: run make generate", docsFile)
	}
}

func writeConfiguration(w *bytes.Buffer) {
	fmt.Fprint(w, `# Configuration of maelstromd

This page is made from the daemon's own table.

Each setting is a variable, and a flag: MAEL_PUBLIC_PORT=8080 is --public-port=8080.
Variables can stand in a file that -f names. A flag counts before that file, the
file before the environment. A mistaken value ends the start, with all mistakes
named at once.

| variable | default | meaning |
|---|---|---|
`)
	for _, s := range Settings() {
		if s.Unused == "" {
			fmt.Fprintf(w, "| %s | %s | %s |\n", s.Variable(), s.Default, s.Usage)
		}
	}
	fmt.Fprint(w, "\nThese are accepted and have no effect; one that is set is named in a warning.\n\n| variable | meaning | why not |\n|---|---|---|\n")
	for _, s := range Settings() {
		if s.Unused != "" {
			fmt.Fprintf(w, "| %s | %s | %s |\n", s.Variable(), s.Usage, s.Unused)
		}
	}
}
