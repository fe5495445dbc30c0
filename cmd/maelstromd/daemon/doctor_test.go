package daemon

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime"
)

func TestOffsetOfTheClock(t *testing.T) {
	for offset, want := range map[time.Duration]rpc.CheckStatus{
		0: rpc.CheckOK, 900 * time.Millisecond: rpc.CheckOK, -2 * time.Second: rpc.CheckWarning,
		time.Minute: rpc.CheckFailed, -time.Hour: rpc.CheckFailed,
	} {
		if c := judgeOffset("clock", offset); c.Status != want || (c.Advice == "") != (want == rpc.CheckOK) {
			t.Errorf("%s: %+v", offset, c)
		}
	}
}

func TestEngineIsJudged(t *testing.T) {
	statuses := func(e runtime.EngineDetails) (list []rpc.CheckStatus) {
		for _, c := range judgeEngine(e) {
			list = append(list, c.Status)
		}
		return list
	}
	for _, row := range []struct {
		engine runtime.EngineDetails
		want   []rpc.CheckStatus
	}{
		{runtime.EngineDetails{StorageDriver: "overlay2", MemoryLimits: true}, []rpc.CheckStatus{"ok", "ok"}},
		{runtime.EngineDetails{StorageDriver: "vfs"}, []rpc.CheckStatus{"warning", "failed"}},
		{runtime.EngineDetails{MemoryLimits: true, Warnings: []string{"no swap limit"}}, []rpc.CheckStatus{"ok", "ok", "warning"}},
	} {
		if got := statuses(row.engine); !slices.Equal(got, row.want) {
			t.Errorf("%+v: %v", row.engine, got)
		}
	}
}

func TestProbesAreJudged(t *testing.T) {
	d := &doctor{Daemon: &Daemon{opt: Options{PrivatePort: 8374}}}
	bridge := runtime.Bridge{Network: "bridge", Gateway: netip.MustParseAddr("127.0.0.1")}
	for want, result := range map[rpc.CheckStatus]runtime.ProbeResult{
		rpc.CheckOK:      {},
		rpc.CheckFailed:  {ExecResult: runtime.ExecResult{ExitCode: 1, Output: "timeout"}},
		rpc.CheckSkipped: {Err: errors.New("no room")},
	} {
		if c := d.judgeProbe(bridge, "http://127.0.0.1:8374/x", result); c.Status != want {
			t.Errorf("%+v: %+v", result, c)
		}
	}
	if advice := allowAdvice(bridge, 8374); !strings.Contains(advice, "allow in on lo to 127.0.0.1 port 8374") {
		t.Error(advice)
	}
	bridge.Gateway = netip.MustParseAddr("192.0.2.77")
	if advice := allowAdvice(bridge, 8374); !strings.Contains(advice, "<interface of bridge>") {
		t.Error(advice)
	}
}

func TestOnlyAStaticProgramIsProbedWith(t *testing.T) {
	script := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if checkStatic(script) == nil || checkStatic(script+"x") == nil {
		t.Error("a script and nothing at all are static programs")
	}
	if err := checkStatic("/bin/sh"); !errors.Is(err, errDynamic) {
		t.Errorf("/bin/sh: %v", err)
	}
}
