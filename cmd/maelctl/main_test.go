package main

import (
	"flag"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the golden files and the generated documentation")

// The scripts run maelctl as a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"maelctl": main})
}
