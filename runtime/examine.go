package runtime

// EngineDetails is what an engine tells of itself beyond EngineInfo.
type EngineDetails struct {
	EngineInfo
	StorageDriver string
	CgroupVersion string   // empty: not told
	MemoryLimits  bool     // containers are held to their memory limit
	Warnings      []string // the engine's own
}

// Probe is a program to run in containers of its own, on several networks.
type Probe struct {
	Program string // path of a static binary on this host
	Runs    []ProbeRun
}

// ProbeRun is one run of a Probe.
type ProbeRun struct {
	Network   string
	Arguments []string
}

// ProbeResult is how a ProbeRun ended; Err: it could not be run.
type ProbeResult struct {
	ExecResult
	Err error
}
