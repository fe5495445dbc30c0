package drivertest

import "testing"

var cases = []struct {
	name string
	run  func(t *testing.T, h Harness)
}{
	{"info", testInfo},
	{"image present or missing", testImages},
	{"start, serve, describe", testStart},
	{"a placement starts once", testConflict},
	{"a missing image", testMissingImage},
	{"a container that exits is listed with its code", testExits},
	{"a crash is watched and listed", testCrash},
	{"never listens, yet runs", testNeverListens},
	{"stop removes", testStop},
	{"stop asks first", testStopAsksFirst},
	{"stop kills after the grace", testStopKills},
	{"stop of what is gone", testStopGone},
	{"watch ends with its context", testWatchEnds},
	{"a cancelled start leaves nothing", testCancelledStart},
	{"logs", testLogs},
	{"logs of a number of lines", testLogsTail},
	{"followed logs end with the container", testLogsFollow},
	{"kept logs have all that the container said", testLogsKeep},
	{"logs of a driver that keeps none", testLogsNone},
	{"memory in use", testMemoryUse},
	{"exec", testExec},
	{"a command in a container of its own", testRunCommand},
	{"a command that can't run leaves nothing", testRunCommandFails},
	{"a command that nobody waits for any more is stopped", testRunCommandCancelled},
	{"a command in a running container", testExecCommand},
	{"what is not there is not found", testNotFound},
	{"others on the same engine", testOthers},
	{"bridges", testBridges},
}
