package daemon

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/project/route"
	"maelstrom/runtime"
)

// examiner is a driver that can tell more of its engine, and run a program on
// its networks. A driver need not.
type examiner interface {
	Details(ctx context.Context) (runtime.EngineDetails, error)
	Probe(ctx context.Context, p runtime.Probe) ([]runtime.ProbeResult, error)
}

const (
	// probeLimit bounds all probes of one look, the import of the image
	// included.
	probeLimit = 2 * time.Minute

	// probeMost is how many networks are probed: each takes a container.
	probeMost = 8
)

const engineAdvice = "start the engine, and check MAEL_DOCKER_HOST and that this user may use its socket"

func (d *doctor) engineChecks(ctx context.Context) []rpc.Check {
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	if !d.serving.Load() {
		return []rpc.Check{skipped("engine", "the daemon is still starting")}
	}
	driver, can := d.driver.(examiner)
	if !can {
		info, err := d.driver.Info(ctx)
		if err != nil {
			return []rpc.Check{failed("engine", err.Error(), engineAdvice)}
		}
		return []rpc.Check{passed("engine", "%s %s", info.Name, info.Version)}
	}
	details, err := driver.Details(ctx)
	if err != nil {
		return []rpc.Check{failed("engine", err.Error(), engineAdvice)}
	}
	return judgeEngine(details)
}

func judgeEngine(e runtime.EngineDetails) []rpc.Check {
	found := fmt.Sprintf("%s %s, API %s, storage %s", e.Name, e.Version, e.APIVersion, e.StorageDriver)
	engine := passed("engine", "%s", found)
	if e.StorageDriver == "vfs" {
		engine = warning("engine", found, "vfs copies an image for each start: choose overlay2 as the engine's storage driver")
	}
	limits := passed("engine.memory_limits", "enforced, cgroup version %s", orUnknown(e.CgroupVersion))
	if !e.MemoryLimits {
		limits = failed("engine.memory_limits", "the kernel does not hold containers to their memory limit",
			"enable the memory cgroup, on Debian and Raspberry Pi with cgroup_enable=memory on the kernel's command line: one component can take the memory of all")
	}
	checks := []rpc.Check{engine, limits}
	if len(e.Warnings) > 0 {
		checks = append(checks, warning("engine.warnings", strings.Join(e.Warnings, "; "), "see the engine's own documentation"))
	}
	return checks
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}

// firewall asks from inside containers whether they reach this daemon.
func (d *doctor) firewall(ctx context.Context) []rpc.Check {
	if !d.serving.Load() {
		return []rpc.Check{skipped("firewall", "the daemon is still starting")}
	}
	driver, can := d.driver.(examiner)
	bridges := d.probedBridges()
	switch {
	case !can:
		return []rpc.Check{skipped("firewall", "this engine can't run a probe")}
	case len(bridges) == 0:
		return []rpc.Check{skipped("firewall", "the engine has no bridge network on this machine")}
	}
	program, err := os.Executable()
	if err == nil {
		err = checkStatic(program)
	}
	if err != nil {
		return []rpc.Check{skipped("firewall", "this program can't run in a container of its own: %v", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	probe := runtime.Probe{Program: program}
	for _, bridge := range bridges {
		url := d.bridges.privateURL(bridge.Network) + route.HealthCheckTarget
		probe.Runs = append(probe.Runs, runtime.ProbeRun{Network: bridge.Network, Arguments: []string{ProbeVerb, url}})
	}
	results, err := driver.Probe(ctx, probe)
	if err != nil {
		return []rpc.Check{skipped("firewall", "the probe could not be run: %v", err)}
	}
	var checks []rpc.Check
	for i, result := range results {
		checks = append(checks, d.judgeProbe(bridges[i], probe.Runs[i].Arguments[1], result))
	}
	return checks
}

func (d *doctor) judgeProbe(bridge runtime.Bridge, url string, result runtime.ProbeResult) rpc.Check {
	name := "firewall." + bridge.Network
	switch {
	case result.Err != nil:
		return skipped(name, "the probe could not be run: %v", result.Err)
	case result.ExitCode != 0:
		return failed(name, fmt.Sprintf("a container can't reach %s: %s", url, result.Output), allowAdvice(bridge, d.opt.PrivatePort))
	}
	return passed(name, "a container reaches %s", url)
}

// probedBridges are the default network and those that components use.
func (d *doctor) probedBridges() []runtime.Bridge {
	used := map[string]bool{"bridge": true}
	for _, c := range d.feed.Snapshot().Components.All() {
		used[c.Spec.NetworkName] = true
	}
	list := slices.DeleteFunc(d.knownBridges(), func(b runtime.Bridge) bool { return !used[b.Network] })
	return list[:min(len(list), probeMost)]
}

var errDynamic = errors.New("it is not statically linked (build it with CGO_ENABLED=0)")

// checkStatic tells whether a program runs where there is nothing else.
func checkStatic(path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return errDynamic
	}
	return nil
}
