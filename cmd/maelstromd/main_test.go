package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// asDaemon makes the test binary behave as maelstromd, so that the daemons of
// these tests are real processes, with the race detector if the tests have it.
const asDaemon = "TEST_AS_MAELSTROMD"

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) == "" {
		flag.Parse()
		// These tests wait most of their time; flags given win.
		if !slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.parallel=") }) {
			_ = flag.Set("test.parallel", "3")
		}
		code := m.Run()
		if err := unship(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		os.Exit(code)
	}
	go func() {
		// Standard input ends with the tests: a daemon does not outlive them.
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	if err := becomeNext(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	os.Exit(run(os.Args[1:]))
}
