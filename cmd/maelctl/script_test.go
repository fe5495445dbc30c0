package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds each wait for what must come; it is no measure.
const patience = 30 * time.Second

// The scripts know, beyond what testscript has:
//
//	exit CODE PROGRAM ARG...   run a program that must end with this code
//	daemon                     start a daemon that maelctl finds by itself
//	request HOST [PATH]        ask the daemon's public port; prints the answer
//	eventually PROGRAM ARG...  run a program until it ends with code 0
//	golden NAME                the JSON just printed is testdata/golden/NAME.json
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exit":       scriptExit,
			"daemon":     scriptDaemon,
			"request":    scriptRequest,
			"eventually": scriptEventually,
			"golden":     scriptGolden,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", program+string(os.PathListSeparator)+env.Getenv("PATH"))
			// A daemon of this machine is none of the tests' business.
			env.Setenv("MAEL_DATA_DIR", env.WorkDir+"/no-daemon")
			env.Setenv("MAELSTROM_ACTOR", "ann")
			return nil
		},
	})
}

func scriptExit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var ended *exec.ExitError
	got := 0
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &ended) {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func scriptEventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: eventually PROGRAM ARG...")
	}
	deadline := time.Now().Add(patience)
	for ts.Exec(args[0], args[1:]...) != nil {
		if time.Now().After(deadline) {
			ts.Fatalf("not within %s", patience)
		}
	}
}

func scriptRequest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: request HOST [PATH]")
	}
	path := "/"
	if len(args) == 2 {
		path = args[1]
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.Getenv("PUBLIC_URL")+path, nil)
	ts.Check(err)
	request.Host = args[0]
	answer, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d %s", answer.StatusCode, body)
}
