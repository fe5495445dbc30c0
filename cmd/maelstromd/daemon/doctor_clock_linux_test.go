package daemon

import (
	"testing"

	"maelstrom/cluster/rpc"
)

func TestKernelClock(t *testing.T) {
	for state, want := range map[int]rpc.CheckStatus{
		0: rpc.CheckOK, clockInsert: rpc.CheckWarning, clockDelete: rpc.CheckWarning, clockInserted: rpc.CheckWarning, clockError: rpc.CheckWarning,
	} {
		if c := judgeClock(state); c.Status != want {
			t.Errorf("%d: %+v", state, c)
		}
	}
	if c := kernelClock(); c.Status == rpc.CheckFailed || c.Found == "" {
		t.Errorf("%+v", c)
	}
}
