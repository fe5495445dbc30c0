package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster/simulate"
	"maelstrom/project"
)

type simulateOptions struct {
	files     fileFlags
	out       outputFlags
	paths     []string
	recursive bool

	scenario     string
	nodes        []string
	nodeCount    int
	memory       string
	loads        []string
	log          string
	logComponent string
	starts       []string
	services     []string
	events       []string
	crons        bool

	from   string
	zone   string
	length time.Duration
	tick   time.Duration
	seed   uint64

	picture  string
	writeLog string
	moves    int
}

func newSimulate(a *app) *cobra.Command {
	var opt simulateOptions
	cmd := &cobra.Command{
		Use:   "simulate [PATH...]",
		Short: "Tell what would be started where and when, and who would wait, for a load",
		Long: `Tell what would happen to projects on given nodes under a given load, without a
daemon and without starting anything: what is started where and when, how many
requests wait how long, how many starts they wait for, what is refused and why,
and how much memory that takes. The scheduler is the one that decides in a
cluster; nodes, containers, requests and the clock are a model. The same seed
gives the same answer. docs/simulate.md tells what the model leaves out.

PATH is a project file, with -r also a directory that is searched for them.

The load is one of these, or several:
  --load [COMPONENT=]SHAPE[:KEY=VALUE,...]  a pattern, of each component if none is named
  --log FILE                                an access log: ours, or common or combined format
  --scenario FILE                           nodes, loads, events and times, in YAML

SHAPE is constant, step, ramp, square, sine, daily or poisson. The keys are rate
and to, in requests per second, at, over and period, which are times,
random=true for requests at random times instead of evenly, service=MEDIAN[:P95]
for how long they take, and stream=true for WebSockets and the like.`,
		Example: `  maelctl simulate --nodes 2 --memory 8GiB --load constant:rate=5 --length 1h
  maelctl simulate shop.yml --node a=8GiB,zone=east --node b=4GiB --load 'shop_web=square:rate=0,to=50,period=10m'
  maelctl simulate -r projects --nodes 3 --memory 16GiB --log access.log --picture load.svg
  maelctl simulate --scenario friday.yml --output json`,
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			opt.paths = args
			if opt.files.file != "" {
				opt.paths = append(opt.paths, opt.files.file)
			}
			if err := opt.files.checkOverlay(); err != nil {
				return err
			}
			return runSimulate(cmd.Context(), a, opt)
		},
	}
	opt.files.register(cmd)
	opt.out.register(cmd)
	opt.register(cmd)
	return cmd
}

func (o *simulateOptions) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVarP(&o.recursive, "recursive", "r", false, "search directories for project files")
	flags.StringVar(&o.scenario, "scenario", "", "scenario file; flags add to it, or count instead")
	flags.StringArrayVar(&o.nodes, "node", nil, "a node as NAME=MEMORY[,LABEL=VALUE...], such as a=8GiB,zone=east (repeatable)")
	flags.IntVar(&o.nodeCount, "nodes", 0, "so many nodes, n1, n2 and so on, of --memory each")
	flags.StringVar(&o.memory, "memory", "8GiB", "memory of each of --nodes")
	flags.StringArrayVar(&o.loads, "load", nil, "a synthetic load (repeatable)")
	flags.StringVar(&o.log, "log", "", "replay the requests of an access log, - for standard input")
	flags.StringVar(&o.logComponent, "log-component", "", "which component gets all requests of the log (default: by its own word, its host and its paths)")
	flags.StringArrayVar(&o.starts, "start-time", nil, "how long instances take to be ready, as [COMPONENT=]MEDIAN[:P95] (repeatable; default: what the log shows, else 400ms:800ms)")
	flags.StringArrayVar(&o.services, "service-time", nil, "how long requests take of which neither their load nor the log tells, as [COMPONENT=]MEDIAN[:P95] (repeatable; default: 50ms:150ms)")
	flags.StringArrayVar(&o.events, "event", nil, "what happens to a node, as TIME:NODE:WHAT with dies, joins, drains or undrains (repeatable)")
	flags.BoolVar(&o.crons, "crons", false, "let cron event sources fire; a log has their requests already")
	flags.StringVar(&o.from, "from", "", "when it starts, in RFC 3339 (default: with the log, else "+defaultFrom+")")
	flags.StringVar(&o.zone, "tz", "UTC", "time zone of hours to be awake in and of daily loads")
	flags.DurationVar(&o.length, "length", 0, "how long it goes (default: a minute more than the log, else 10m)")
	flags.DurationVar(&o.tick, "tick", 0, "time between two entries of the timeline (default: 240 entries at most)")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of all that is left to chance")
	flags.StringVar(&o.picture, "picture", "", "draw instances and load over time into this file: .svg or .html")
	flags.StringVar(&o.writeLog, "write-log", "", "write each simulated request into this file, as the access log has them")
	flags.IntVar(&o.moves, "moves", 20, "how many decisions, and how many starts and stops, to list")
	for _, name := range []string{"scenario", "log", "picture", "write-log"} {
		cobra.CheckErr(cmd.RegisterFlagCompletionFunc(name, completeFiles))
	}
	var shapes []string
	for _, shape := range simulate.Shapes {
		shapes = append(shapes, string(shape)+":")
	}
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("load", cobra.FixedCompletions(shapes, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace)))
}

func runSimulate(ctx context.Context, a *app, opt simulateOptions) error {
	s, recorded, err := a.scenarioOf(ctx, opt)
	if err != nil {
		return err
	}
	if err := s.Check(); err != nil {
		return exitWith(exitInvalid, err)
	}
	if len(s.Loads) == 0 && !s.Crons {
		return exitWith(exitInvalid, errors.New("there is no load: say --load constant:rate=5, --log FILE or --crons, or write loads into --scenario"))
	}
	var files simulationFiles
	if err := files.create(opt); err != nil {
		return err
	}
	s.Request, s.Progress = files.request(s.Start), a.simulationProgress(opt.out, s.Length)
	began := time.Now()
	result, err := simulate.Run(ctx, s)
	if err != nil {
		return errors.Join(err, files.drop())
	}
	took := time.Since(began)
	result.Recorded = recorded
	if err := files.put(result); err != nil {
		return err
	}
	if !opt.out.machine() && a.stderrTTY {
		fmt.Fprintf(a.stderr, "\r\x1b[K%d requests in %s, %.0f in a second\n", result.Totals.Requests, took.Round(time.Millisecond), float64(result.Totals.Requests)/took.Seconds())
	}
	return opt.out.print(a.stdout, document{value: result, list: "components", text: func(w io.Writer) error {
		return printSimulation(w, a.outStyle(), result, opt.moves)
	}})
}

// simulationProgress shows on a terminal how far a simulation is.
func (a *app) simulationProgress(out outputFlags, length time.Duration) func(time.Duration, int64) {
	if !a.stderrTTY || out.machine() || a.getenv("TERM") == "dumb" {
		return nil
	}
	began, shown := time.Now(), time.Now()
	return func(at time.Duration, requests int64) {
		if time.Since(shown) < 200*time.Millisecond {
			return
		}
		shown = time.Now()
		fmt.Fprintf(a.stderr, "\r\x1b[K%3.0f %%  %s of %s, %d requests, %.0f in a second", 100*float64(at)/float64(length),
			at.Round(time.Second), length, requests, float64(requests)/time.Since(began).Seconds())
	}
}

// simulatedProjects reads the projects, which have to be good together.
func (a *app) simulatedProjects(ctx context.Context, opt simulateOptions) ([]*project.Project, error) {
	checked, err := a.checkFiles(ctx, validateOptions{files: opt.files, paths: opt.paths, recursive: opt.recursive})
	if err != nil {
		return nil, err
	}
	verdict := judge(checked, false)
	var shown []project.Problem
	for _, p := range verdict.Problems {
		if p.Severity == project.Error {
			shown = append(shown, p)
		}
	}
	printProblems(a.stderr, a.errStyle(), shown)
	if !verdict.Valid {
		return nil, exitWith(exitInvalid, fmt.Errorf("%s in %s", plural(len(shown), "error"), plural(len(verdict.Files), "file")))
	}
	var projects []*project.Project
	for _, c := range checked {
		projects = append(projects, c.loaded.Project)
	}
	return projects, nil
}
