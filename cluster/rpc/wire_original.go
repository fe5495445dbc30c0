package rpc

// The wire types of the original's API. Its names, its units and its spelling
// are kept: camelCase but for RestartOrder, times in milliseconds since 1970,
// memory in MiB. A field with omitempty is optional in both directions; one
// marked lenient is always sent and may be left out.

type origNameValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type origProject struct {
	Name       string              `json:"name"`
	Components []origComponentWith `json:"components"`
}

type origComponentWith struct {
	Component    origComponent         `json:"component"`
	EventSources []origEventSourceWith `json:"eventSources"`
}

type origEventSourceWith struct {
	EventSource origEventSource `json:"eventSource"`
	Enabled     bool            `json:"enabled" rpc:"lenient"`
}

type origComponent struct {
	Name                    string          `json:"name"`
	ProjectName             string          `json:"projectName,omitempty"`
	Environment             []origNameValue `json:"environment"`
	MinInstances            int             `json:"minInstances,omitempty"`
	MaxInstances            int             `json:"maxInstances,omitempty"`
	MaxInstancesPerNode     int             `json:"maxInstancesPerNode,omitempty"`
	MaxConcurrency          int             `json:"maxConcurrency" rpc:"lenient"`
	SoftConcurrencyLimit    bool            `json:"softConcurrencyLimit,omitempty"`
	ScaleUpConcurrencyPct   float64         `json:"scaleUpConcurrencyPct,omitempty"`
	ScaleDownConcurrencyPct float64         `json:"scaleDownConcurrencyPct,omitempty"`
	MaxDurationSeconds      int             `json:"maxDurationSeconds,omitempty"`
	StartParallelism        string          `json:"startParallelism,omitempty"`
	RestartOrder            string          `json:"RestartOrder,omitempty"`
	Version                 int64           `json:"version" rpc:"lenient"`
	ModifiedAt              int64           `json:"modifiedAt,omitempty"`
	Docker                  *origDocker     `json:"docker,omitempty"`
}

type origDocker struct {
	Image                       string          `json:"image"`
	Command                     []string        `json:"command,omitempty"`
	Entrypoint                  []string        `json:"entrypoint,omitempty"`
	HTTPPort                    int             `json:"httpPort" rpc:"lenient"`
	HTTPHealthCheckPath         string          `json:"httpHealthCheckPath" rpc:"lenient"`
	HTTPStartHealthCheckSeconds int             `json:"httpStartHealthCheckSeconds,omitempty"`
	HTTPHealthCheckSeconds      int             `json:"httpHealthCheckSeconds,omitempty"`
	HTTPHealthCheckMaxFailures  int             `json:"httpHealthCheckMaxFailures,omitempty"`
	HealthCheckFailedCommand    []string        `json:"healthCheckFailedCommand,omitempty"`
	IdleTimeoutSeconds          int             `json:"idleTimeoutSeconds,omitempty"`
	Ports                       []string        `json:"ports,omitempty"`
	Volumes                     []origVolume    `json:"volumes,omitempty"`
	NetworkName                 string          `json:"networkName,omitempty"`
	LogDriver                   string          `json:"logDriver,omitempty"`
	LogDriverOptions            []origNameValue `json:"logDriverOptions,omitempty"`
	CPUShares                   int64           `json:"cpuShares,omitempty"`
	ReserveMemoryMiB            int64           `json:"reserveMemoryMiB,omitempty"`
	LimitMemoryMiB              int64           `json:"limitMemoryMiB,omitempty"`
	PullCommand                 []string        `json:"pullCommand,omitempty"`
	PullUsername                string          `json:"pullUsername,omitempty"`
	PullPassword                string          `json:"pullPassword,omitempty"`
	PullImageOnPut              bool            `json:"pullImageOnPut,omitempty"`
	PullImageOnStart            bool            `json:"pullImageOnStart,omitempty"`
	DNS                         []string        `json:"dns,omitempty"`
	DNSOptions                  []string        `json:"dnsOptions,omitempty"`
	DNSSearch                   []string        `json:"dnsSearch,omitempty"`
	Ulimits                     []string        `json:"ulimits,omitempty"`
	Init                        bool            `json:"init,omitempty"`
}

type origVolume struct {
	Type     string `json:"type,omitempty"`
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"readOnly,omitempty"`
}

type origEventSource struct {
	Name          string           `json:"name"`
	ComponentName string           `json:"componentName"`
	ProjectName   string           `json:"projectName,omitempty"`
	Version       int64            `json:"version" rpc:"lenient"`
	ModifiedAt    int64            `json:"modifiedAt" rpc:"lenient"`
	HTTP          *origHTTP        `json:"http,omitempty"`
	Cron          *origCron        `json:"cron,omitempty"`
	SQS           *origSQS         `json:"sqs,omitempty"`
	AWSStepFunc   *origAWSStepFunc `json:"awsstepfunc,omitempty"`
}

type origHTTP struct {
	Hostname    string `json:"hostname,omitempty"`
	PathPrefix  string `json:"pathPrefix,omitempty"`
	StripPrefix bool   `json:"stripPrefix,omitempty"`
}

type origCron struct {
	Schedule string       `json:"schedule"`
	HTTP     origCronHTTP `json:"http"`
}

type origCronHTTP struct {
	Method  string          `json:"method"`
	Path    string          `json:"path"`
	Data    string          `json:"data,omitempty"`
	Headers []origNameValue `json:"headers,omitempty"`
}

type origSQS struct {
	QueueName            string `json:"queueName"`
	NameAsPrefix         bool   `json:"nameAsPrefix,omitempty"`
	Path                 string `json:"path"`
	MaxConcurrency       int    `json:"maxConcurrency,omitempty"`
	MessagesPerPoll      int    `json:"messagesPerPoll,omitempty"`
	ConcurrencyPerPoller int    `json:"concurrencyPerPoller,omitempty"`
	VisibilityTimeout    int    `json:"visibilityTimeout,omitempty"`
}

type origAWSStepFunc struct {
	ActivityName         string `json:"activityName"`
	Path                 string `json:"path"`
	MaxConcurrency       int    `json:"maxConcurrency,omitempty"`
	ConcurrencyPerPoller int    `json:"concurrencyPerPoller,omitempty"`
}
