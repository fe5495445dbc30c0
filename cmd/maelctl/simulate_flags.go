package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"maelstrom/cluster/simulate"
	"maelstrom/project"
	"maelstrom/project/route"
)

// defaultFrom is a Monday.
const defaultFrom = "2026-01-05T00:00:00Z"

// simulation is what a scenario file and the flags say, until the projects are
// known.
type simulation struct {
	simulate.Scenario
	projects     []string
	log          string
	logComponent string
	loads        []simulate.Load // without a component: of each
	behaviors    map[string]simulate.Behavior
}

// scenarioOf puts together what the flags and the scenario file say.
func (a *app) scenarioOf(ctx context.Context, opt simulateOptions) (simulate.Scenario, []simulate.Recorded, error) {
	sim, err := a.readSimulation(opt)
	if err != nil {
		return simulate.Scenario{}, nil, err
	}
	if len(opt.paths) == 0 {
		opt.paths = sim.projects
	}
	s := sim.Scenario
	if s.Projects, err = a.simulatedProjects(ctx, opt); err != nil {
		return s, nil, err
	}
	s.Components = sim.behaviors
	sim.eachComponent(&s)
	recorded, err := a.replay(sim, &s)
	if err != nil {
		return s, nil, err
	}
	if s.Start.IsZero() {
		s.Start, _ = time.Parse(time.RFC3339, defaultFrom)
	}
	s.Length = cmp.Or(s.Length, 10*time.Minute)
	return s, recorded, nil
}

func (a *app) readSimulation(opt simulateOptions) (*simulation, error) {
	sim := &simulation{behaviors: map[string]simulate.Behavior{}, log: opt.log, logComponent: opt.logComponent}
	if opt.scenario != "" {
		data, err := disk{a.stdin}.readFile(opt.scenario)
		if err != nil {
			return nil, exitWith(exitInvalid, err)
		}
		read, problems := parseScenario(opt.scenario, data)
		if len(problems) > 0 {
			printProblems(a.stderr, a.errStyle(), problems)
			return nil, exitWith(exitInvalid, fmt.Errorf("%s: %s", opt.scenario, plural(len(problems), "error")))
		}
		sim = read
		sim.relativeTo(filepath.Dir(opt.scenario))
		sim.log, sim.logComponent = cmp.Or(opt.log, sim.log), cmp.Or(opt.logComponent, sim.logComponent)
	}
	return sim, sim.takeFlags(opt)
}

// relativeTo makes the names of files those that the working directory has.
func (sim *simulation) relativeTo(dir string) {
	for k, path := range sim.projects {
		if !filepath.IsAbs(path) {
			sim.projects[k] = filepath.Join(dir, path)
		}
	}
	if sim.log != "" && !filepath.IsAbs(sim.log) {
		sim.log = filepath.Join(dir, sim.log)
	}
}

func (sim *simulation) takeFlags(opt simulateOptions) error {
	sim.Seed = opt.seed
	sim.Crons = opt.crons || sim.Crons
	sim.Length = cmp.Or(opt.length, sim.Length)
	sim.Tick = cmp.Or(opt.tick, sim.Tick)
	if opt.length < 0 || opt.tick < 0 || opt.moves < 0 || opt.nodeCount < 0 || opt.nodeCount > 10_000 {
		return usagef("--length, --tick, --moves and --nodes are not below zero, and --nodes is 10000 at most")
	}
	zone, err := time.LoadLocation(opt.zone)
	if err != nil || opt.zone == "Local" {
		return usagef("--tz %q is not a time zone such as Europe/Berlin", opt.zone)
	}
	sim.Zone = zone
	if opt.from != "" {
		if sim.Start, err = time.Parse(time.RFC3339, opt.from); err != nil {
			return usagef("--from %q is not a time such as 2026-01-31T08:00:00Z", opt.from)
		}
	}
	return sim.takeLists(opt)
}

// takeLists takes the flags that can be repeated.
func (sim *simulation) takeLists(opt simulateOptions) error {
	if opt.nodeCount > 0 {
		memory, err := parseMemory(opt.memory)
		if err != nil {
			return usagef("--memory: %w", err)
		}
		for k := range opt.nodeCount {
			sim.Nodes = append(sim.Nodes, simulate.Node{Name: "n" + strconv.Itoa(k+1), MemoryMiB: memory})
		}
	}
	for _, list := range []struct {
		flag  string
		texts []string
		take  func(string) error
	}{
		{"node", opt.nodes, sim.takeNode},
		{"load", opt.loads, sim.takeLoad},
		{"event", opt.events, sim.takeEvent},
		{"start-time", opt.starts, sim.takeSpread(func(b *simulate.Behavior) *simulate.Spread { return &b.Start })},
		{"service-time", opt.services, sim.takeSpread(func(b *simulate.Behavior) *simulate.Spread { return &b.Service })},
	} {
		for _, text := range list.texts {
			if err := list.take(text); err != nil {
				return usagef("--%s %s: %w", list.flag, text, err)
			}
		}
	}
	return nil
}

func (sim *simulation) takeNode(text string) error {
	first, labels, _ := strings.Cut(text, ",")
	name, memory, ok := strings.Cut(first, "=")
	if !ok || name == "" {
		return fmt.Errorf("not NAME=MEMORY, such as a=8GiB")
	}
	mib, err := parseMemory(memory)
	if err != nil {
		return err
	}
	n := simulate.Node{Name: name, MemoryMiB: mib, Labels: map[string]string{}}
	for label := range strings.SplitSeq(labels, ",") {
		key, value, ok := strings.Cut(label, "=")
		if label != "" && (!ok || key == "") {
			return fmt.Errorf("%q is not LABEL=VALUE", label)
		}
		if label != "" {
			n.Labels[key] = value
		}
	}
	sim.Nodes = append(sim.Nodes, n)
	return nil
}

func (sim *simulation) takeLoad(text string) error {
	shape, rest, _ := strings.Cut(text, ":")
	component, shape, named := strings.Cut(shape, "=")
	if !named {
		component, shape = "", component
	}
	p, said := &simulate.Pattern{Shape: simulate.Shape(shape)}, map[string]bool{}
	for pair := range strings.SplitSeq(rest, ",") {
		key, value, ok := strings.Cut(pair, "=")
		if rest == "" {
			break
		}
		if !ok {
			return fmt.Errorf("%q is not KEY=VALUE", pair)
		}
		if err := setPattern(p, key, value); err != nil {
			return err
		}
		said[key] = true
	}
	if err := checkPattern(p, said); err != nil {
		return err
	}
	sim.loads = append(sim.loads, simulate.Load{Component: component, Pattern: p})
	return nil
}

// checkPattern tells what is wrong with a pattern, or that nobody said how many
// requests there are: a rate of zero has to be told.
func checkPattern(p *simulate.Pattern, said map[string]bool) error {
	if err := p.Check(); err != nil {
		return err
	}
	switch {
	case said["rate"]:
	case p.Shape == simulate.Constant || p.Shape == simulate.Poisson:
		return fmt.Errorf("%s needs rate, in requests per second", p.Shape)
	case !said["to"]:
		return fmt.Errorf("%s needs rate or to, in requests per second", p.Shape)
	}
	return nil
}

// setPattern sets a key of a pattern, from a flag or a scenario file.
func setPattern(p *simulate.Pattern, key, value string) (err error) {
	switch key {
	case "rate":
		p.Rate, err = strconv.ParseFloat(value, 64)
	case "to":
		p.To, err = strconv.ParseFloat(value, 64)
	case "at":
		p.At, err = time.ParseDuration(value)
	case "over":
		p.Over, err = time.ParseDuration(value)
	case "period":
		p.Period, err = time.ParseDuration(value)
	case "random":
		p.Random, err = strconv.ParseBool(value)
	case "stream":
		p.Stream, err = strconv.ParseBool(value)
	case "service":
		p.Service, err = parseSpread(value)
		return err
	default:
		return fmt.Errorf("no key %q: there are rate, to, at, over, period, random, service and stream", key)
	}
	if err != nil {
		return fmt.Errorf("%s: %q is not what belongs there, such as rate=5, at=2m or random=true", key, value)
	}
	return nil
}

func (sim *simulation) takeEvent(text string) error {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return fmt.Errorf("not TIME:NODE:WHAT, such as 5m:a:dies")
	}
	at, err := time.ParseDuration(parts[0])
	if err != nil {
		return fmt.Errorf("%q is not a time such as 5m", parts[0])
	}
	what, err := eventKind(parts[2])
	if err != nil {
		return err
	}
	sim.Events = append(sim.Events, simulate.Event{At: at, Node: parts[1], Kind: what})
	return nil
}

func eventKind(text string) (simulate.EventKind, error) {
	for _, known := range simulate.EventKinds {
		if text == string(known) {
			return known, nil
		}
	}
	return "", fmt.Errorf("%q is nothing that happens to a node: dies, joins, drains or undrains", text)
}

// takeSpread takes [COMPONENT=]MEDIAN[:P95].
func (sim *simulation) takeSpread(of func(*simulate.Behavior) *simulate.Spread) func(string) error {
	return func(text string) error {
		component, times, named := strings.Cut(text, "=")
		if !named {
			component, times = "", component
		}
		s, err := parseSpread(times)
		if err != nil {
			return err
		}
		if !named {
			*of(&sim.Defaults) = s
			return nil
		}
		b := sim.behaviors[component]
		*of(&b) = s
		sim.behaviors[component] = b
		return nil
	}
}

func parseSpread(text string) (s simulate.Spread, err error) {
	median, p95, both := strings.Cut(text, ":")
	if s.Median, err = time.ParseDuration(median); err == nil && both {
		s.P95, err = time.ParseDuration(p95)
	}
	if err != nil {
		return s, fmt.Errorf("%q is not MEDIAN or MEDIAN:P95, such as 400ms:2s", text)
	}
	return s, s.Check()
}

// parseMemory reads a size in MiB; without a unit it is MiB.
func parseMemory(text string) (int64, error) {
	number, factor := text, 1.0
	for unit, times := range map[string]float64{"MiB": 1, "GiB": 1024, "TiB": 1024 * 1024} {
		if rest, ok := strings.CutSuffix(text, unit); ok {
			number, factor = rest, times
		}
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(value >= 0) || value*factor > math.MaxInt32 {
		return 0, fmt.Errorf("%q is not a memory such as 512MiB or 8GiB", text)
	}
	return int64(value * factor), nil
}

// eachComponent gives each component the loads that name none.
func (sim *simulation) eachComponent(s *simulate.Scenario) {
	for _, l := range sim.loads {
		if l.Component != "" {
			s.Loads = append(s.Loads, l)
			continue
		}
		for _, p := range s.Projects {
			for k := range p.Components {
				s.Loads = append(s.Loads, simulate.Load{Component: p.Components[k].Name, Pattern: l.Pattern})
			}
		}
	}
}

// replay adds the requests of the access log.
func (a *app) replay(sim *simulation, s *simulate.Scenario) ([]simulate.Recorded, error) {
	if sim.log == "" {
		return nil, nil
	}
	in := a.stdin
	if sim.log != "-" {
		file, err := os.Open(sim.log)
		if err != nil {
			return nil, exitWith(exitInvalid, unreadable(sim.log, err))
		}
		defer file.Close()
		in = file
	}
	read, err := simulate.ReadLog(in, simulate.LogOptions{Name: sim.log, Component: receiver(s.Projects, sim.logComponent)})
	if err != nil {
		return nil, exitWith(exitInvalid, err)
	}
	if read.Asleep > 0 {
		a.warn("%s: %d of %d lines are requests that may not wake anybody, and are left out", sim.log, read.Asleep, read.Lines)
	}
	if read.Torn > 0 {
		a.warn("%s: %d of %d lines can't be read, and are left out: %v", sim.log, read.Torn, read.Lines, read.TornAs)
	}
	if read.Foreign > 0 {
		a.warn("%s: %d of %d lines are no requests of these components", sim.log, read.Foreign, read.Lines)
	}
	s.Loads = append(s.Loads, read.Loads...)
	if s.Start.IsZero() {
		s.Start = read.Start
	}
	if s.Length == 0 {
		s.Length = read.Length.Truncate(time.Second) + time.Minute
	}
	for name, learned := range read.Learned {
		b := s.Components[name]
		if b.Start.IsZero() && s.Defaults.Start.IsZero() {
			b.Start, b.Starts = learned.Start, learned.Starts
			s.Components[name] = b
		}
	}
	return read.Recorded, nil
}

// receiver tells which component gets a request of a log: the one that is
// named, or that the log names, or that the routes do, or the only one.
func receiver(projects []*project.Project, named string) func(name, host, target string) string {
	known := map[string]bool{}
	var rules []route.Rule
	for _, p := range projects {
		for k := range p.Components {
			known[p.Components[k].Name] = true
		}
		for k := range p.EventSources {
			if e := &p.EventSources[k]; e.HTTP != nil {
				rules = append(rules, route.Rule{EventSource: e.Name, Component: e.Component, Hostname: e.HTTP.Hostname, PathPrefix: e.HTTP.PathPrefix, StripPrefix: e.HTTP.StripPrefix})
			}
		}
	}
	table := route.New(rules)
	return func(name, host, target string) string {
		switch {
		case named != "":
			return named
		case name != "" && known[name]:
			return name
		case name != "":
			return ""
		case len(known) == 1:
			for only := range known {
				return only
			}
		}
		found := route.Resolve(table, route.Request{Gateway: route.Public, Host: host, Target: target})
		return found.Component
	}
}
