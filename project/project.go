// Package project holds what a user declares: the contents of one
// maelstrom.yml. It parses, validates, normalises and compares projects and
// does no I/O of its own.
package project

import "time"

// Project is one declared project: a named set of components and the event
// sources that send work to them. Names are full names (<project>_<name>,
// lower case); both lists are sorted by name.
type Project struct {
	Name         string        `json:"name"`
	Components   []Component   `json:"components"`
	EventSources []EventSource `json:"eventsources"`
}

// Component is a container image plus how to run it, as it was written: a zero
// field was not set. Effective fills the defaults in. The JSON form is what
// the store keeps; its keys are the YAML spelling, and what has the tag
// yaml:"-" is not written in a file.
type Component struct {
	Name    string `json:"name" yaml:"-"`
	Project string `json:"project" yaml:"-"`

	Image      string   `json:"image"`
	Command    []string `json:"command,omitempty"`
	Entrypoint []string `json:"entrypoint,omitempty"`

	// Environment is merged (envfile < project < component) and sorted by
	// name; reserved MAELSTROM_* names are already left out.
	Environment []EnvVar `json:"environment,omitempty"`

	ReserveMemory int64 `json:"reservememory,omitempty"` // MiB
	LimitMemory   int64 `json:"limitmemory,omitempty"`   // MiB
	CPUShares     int64 `json:"cpushares,omitempty"`

	MaxConcurrency          int     `json:"maxconcurrency,omitempty"`
	SoftConcurrencyLimit    bool    `json:"softconcurrencylimit,omitempty"`
	Balance                 Balance `json:"balance,omitempty"`
	MinInstances            int     `json:"mininstances,omitempty"`
	MaxInstances            int     `json:"maxinstances,omitempty"`
	MaxInstancesPerNode     int     `json:"maxinstancespernode,omitempty"`
	ScaleDownConcurrencyPct float64 `json:"scaledownconcurrencypct,omitempty"`
	ScaleUpConcurrencyPct   float64 `json:"scaleupconcurrencypct,omitempty"`
	SpareSlots              int     `json:"spareslots,omitempty"`
	ScaleDownDelaySeconds   int     `json:"scaledowndelayseconds,omitempty"`
	MaxDurationSeconds      int     `json:"maxdurationseconds,omitempty"`
	IdleTimeoutSeconds      int     `json:"idletimeoutseconds,omitempty"`
	Idle                    Idle    `json:"idle,omitempty"`
	DrainSeconds            int     `json:"drainseconds,omitempty"`

	HTTPPort                    int      `json:"httpport,omitempty"`
	Protocol                    string   `json:"protocol,omitempty"`
	HTTPHealthCheckPath         string   `json:"httphealthcheckpath,omitempty"`
	HTTPStartHealthCheckSeconds int      `json:"httpstarthealthcheckseconds,omitempty"` // negative: no start check
	HTTPHealthCheckSeconds      int      `json:"httphealthcheckseconds,omitempty"`
	HTTPHealthCheckMaxFailures  int      `json:"httphealthcheckmaxfailures,omitempty"`
	HealthCheckFailedCommand    []string `json:"healthcheckfailedcommand,omitempty"`

	RestartOrder     RestartOrder     `json:"restartorder,omitempty"`
	StartParallelism StartParallelism `json:"startparallelism,omitempty"`

	// Nodes are the labels of the nodes that it may run on; Placement how its
	// instances are placed on them.
	Nodes     map[string]string `json:"nodes,omitempty"`
	Placement PlacementPolicy   `json:"placement,omitempty"`

	// OnDisconnect is what becomes of its instances on a node that is cut off.
	OnDisconnect OnDisconnect `json:"ondisconnect,omitempty"`

	LogDriver        string            `json:"logdriver,omitempty"`
	LogDriverOptions map[string]string `json:"logdriveroptions,omitempty"`
	Volumes          []Volume          `json:"volumes,omitempty"`
	Files            []FileMount       `json:"files,omitempty" yaml:"-"`
	Ports            []string          `json:"ports,omitempty"`
	NetworkName      string            `json:"networkname,omitempty"`
	DNS              []string          `json:"dns,omitempty"`
	DNSOptions       []string          `json:"dnsoptions,omitempty"`
	DNSSearch        []string          `json:"dnssearch,omitempty"`
	Ulimits          []string          `json:"ulimits,omitempty"`
	ContainerInit    bool              `json:"containerinit,omitempty"`
	User             string            `json:"user,omitempty"`
	Hostname         string            `json:"hostname,omitempty"`
	DomainName       string            `json:"domainname,omitempty"`
	CapAdd           []string          `json:"capadd,omitempty"`
	CapDrop          []string          `json:"capdrop,omitempty"`

	// ReleaseCommand runs once per version that containers can see, before the
	// version is rolled out.
	ReleaseCommand []string `json:"releasecommand,omitempty"`

	// Wake lists what may not wake the component; empty: every request does.
	Wake []WakeRule `json:"wake,omitempty"`

	// Awake lists the hours in which a minimum of instances runs.
	Awake []AwakeWindow `json:"awake,omitempty"`

	PullCommand      []string `json:"pullcommand,omitempty"`
	PullUsername     string   `json:"pullusername,omitempty"`
	PullPassword     string   `json:"pullpassword,omitempty"`
	PullImageOnPut   bool     `json:"pullimageonput,omitempty"`
	PullImageOnStart bool     `json:"pullimageonstart,omitempty"`
}

// EnvVar is one environment variable.
type EnvVar struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Volume is one mount of a component's containers.
type Volume struct {
	Type     string `json:"type,omitempty"` // bind (default), volume or tmpfs
	Source   string `json:"source,omitempty"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"readonly,omitempty"`
}

// RestartOrder says whether a changed component starts its new instance before
// or after the old one stops. Empty means not written.
type RestartOrder string

// The restart orders.
const (
	RestartStartStop RestartOrder = "startstop"
	RestartStopStart RestartOrder = "stopstart"
)

// StartParallelism says how instances of one component start together.
type StartParallelism string

// The start parallelisms.
const (
	StartParallel    StartParallelism = "parallel"
	StartSeries      StartParallelism = "series"
	StartSeriesFirst StartParallelism = "seriesfirst"
)

// PlacementPolicy says which nodes instances are placed on first. Empty means
// not written.
type PlacementPolicy string

// The placement policies.
const (
	PlacementSpread PlacementPolicy = "spread" // the emptiest
	PlacementPack   PlacementPolicy = "pack"   // the fullest
)

// Idle says what a component without a request waits for before it sleeps.
// Empty means IdleFixed.
type Idle string

// The ways to wait.
const (
	IdleFixed   Idle = "fixed"   // the idle time-out
	IdleLearned Idle = "learned" // what its requests have taught of when the next one comes
)

// Balance says which of the instances that have a free slot gets a request.
// Empty means not written.
type Balance string

// The ways to balance.
const (
	BalanceRoundRobin  Balance = "roundrobin"  // in turn
	BalanceLeastLoaded Balance = "leastloaded" // the better of two: fewer requests, answered faster
)

// OnDisconnect says what a node does with an instance when it reaches neither
// the database nor who decides, and others do. Empty means not written.
type OnDisconnect string

// The ways to be cut off.
const (
	DisconnectKeep OnDisconnect = "keep" // it serves on
	DisconnectStop OnDisconnect = "stop" // it stops: others take its place
)

// EventSource sends work to one component. Exactly one of HTTP, Cron, SQS and
// AWSStepFunc is set.
type EventSource struct {
	Name      string `json:"name" yaml:"-"`
	Project   string `json:"project" yaml:"-"`
	Component string `json:"component" yaml:"-"` // full name

	HTTP        *HTTPSource        `json:"http,omitempty"`
	Cron        *CronSource        `json:"cron,omitempty"`
	SQS         *SQSSource         `json:"sqs,omitempty"`
	AWSStepFunc *AWSStepFuncSource `json:"awsstepfunc,omitempty"`
}

// HTTPSource routes requests by host and path prefix.
type HTTPSource struct {
	Hostname    string `json:"hostname,omitempty"`
	PathPrefix  string `json:"pathprefix,omitempty"`
	StripPrefix bool   `json:"stripprefix,omitempty"`
}

// CronSource sends a request on a schedule.
type CronSource struct {
	Schedule string      `json:"schedule"`
	HTTP     CronHTTP    `json:"http"`
	Overlap  CronOverlap `json:"overlap,omitempty"`
	Missed   CronMissed  `json:"missed,omitempty"`
}

// CronOverlap says what happens to a firing while the last one still runs.
type CronOverlap string

// What an overlap does.
const (
	OverlapAllow CronOverlap = "allow"
	OverlapSkip  CronOverlap = "skip"
)

// CronMissed says what happens to due times that nobody could fire in time.
type CronMissed string

// What becomes of missed due times.
const (
	MissedSkip    CronMissed = "skip"
	MissedRunOnce CronMissed = "run_once" // the latest of them is made up for
)

// CronHTTP is the request that a cron event source sends.
type CronHTTP struct {
	Method  string   `json:"method"`
	Path    string   `json:"path"`
	Data    string   `json:"data,omitempty"`
	Headers []Header `json:"headers,omitempty"`
}

// Header is one HTTP header field.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// SQSSource polls a queue. Stored and validated; nothing runs it yet.
type SQSSource struct {
	QueueName            string `json:"queuename"`
	NameAsPrefix         bool   `json:"nameasprefix,omitempty"`
	Path                 string `json:"path"`
	MaxConcurrency       int    `json:"maxconcurrency,omitempty"`
	MessagesPerPoll      int    `json:"messagesperpoll,omitempty"`
	ConcurrencyPerPoller int    `json:"concurrencyperpoller,omitempty"`
	VisibilityTimeout    int    `json:"visibilitytimeout,omitempty"` // seconds
}

// AWSStepFuncSource polls an activity. Stored and validated; nothing runs it yet.
type AWSStepFuncSource struct {
	ActivityName         string `json:"activityname"`
	Path                 string `json:"path"`
	MaxConcurrency       int    `json:"maxconcurrency,omitempty"`
	ConcurrencyPerPoller int    `json:"concurrencyperpoller,omitempty"`
}

// EventSourceType names what kind of work an event source sends.
type EventSourceType string

// The event source types.
const (
	TypeHTTP        EventSourceType = "http"
	TypeCron        EventSourceType = "cron"
	TypeSQS         EventSourceType = "sqs"
	TypeAWSStepFunc EventSourceType = "awsstepfunc"
)

// Type tells which of the four kinds e is; empty if none is set.
func (e *EventSource) Type() EventSourceType {
	switch {
	case e.HTTP != nil:
		return TypeHTTP
	case e.Cron != nil:
		return TypeCron
	case e.SQS != nil:
		return TypeSQS
	case e.AWSStepFunc != nil:
		return TypeAWSStepFunc
	}
	return ""
}

// The durations of an effective component.

// MaxDuration is the longest a request may take, waiting included.
func (c *Component) MaxDuration() time.Duration { return seconds(c.MaxDurationSeconds) }

// IdleTimeout is how long without a request until the component sleeps.
func (c *Component) IdleTimeout() time.Duration { return seconds(c.IdleTimeoutSeconds) }

// ScaleDownDelay is for how long fewer instances must have been enough.
func (c *Component) ScaleDownDelay() time.Duration { return seconds(c.ScaleDownDelaySeconds) }

// DrainTimeout is how long a draining instance may finish what is in flight.
func (c *Component) DrainTimeout() time.Duration { return seconds(c.DrainSeconds) }

// StartCheckTimeout is how long an instance may take until it is ready; zero
// or less means that there is no start check.
func (c *Component) StartCheckTimeout() time.Duration { return seconds(c.HTTPStartHealthCheckSeconds) }

// HealthCheckPeriod is the time between two checks of a ready instance.
func (c *Component) HealthCheckPeriod() time.Duration { return seconds(c.HTTPHealthCheckSeconds) }

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
