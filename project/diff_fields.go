package project

// diffField is one key of a component or event source: what a change of it
// does, and its effective value.
type diffField[T any] struct {
	name   string
	impact Impact
	value  func(T) any
}

// componentFields says what a change of each key does. What a container sees,
// or was started by, asks for new containers. What only placement, the gateway,
// or the next start of a container looks at does not.
var componentFields = []diffField[*Component]{
	{"image", ImpactRestart, func(c *Component) any { return c.Image }},
	{"command", ImpactRestart, func(c *Component) any { return c.Command }},
	{"entrypoint", ImpactRestart, func(c *Component) any { return c.Entrypoint }},
	{"environment", ImpactRestart, func(c *Component) any { return c.Environment }},

	{"reservememory", ImpactRestart, func(c *Component) any { return c.ReserveMemory }},
	{"limitmemory", ImpactRestart, func(c *Component) any { return c.LimitMemory }},
	{"cpushares", ImpactRestart, func(c *Component) any { return c.CPUShares }},

	{"maxconcurrency", ImpactNone, func(c *Component) any { return c.MaxConcurrency }},
	{"softconcurrencylimit", ImpactNone, func(c *Component) any { return c.SoftConcurrencyLimit }},
	{"balance", ImpactNone, func(c *Component) any { return string(c.Balance) }},
	{"mininstances", ImpactNone, func(c *Component) any { return c.MinInstances }},
	{"maxinstances", ImpactNone, func(c *Component) any { return c.MaxInstances }},
	{"maxinstancespernode", ImpactNone, func(c *Component) any { return c.MaxInstancesPerNode }},
	{"scaledownconcurrencypct", ImpactNone, func(c *Component) any { return c.ScaleDownConcurrencyPct }},
	{"scaleupconcurrencypct", ImpactNone, func(c *Component) any { return c.ScaleUpConcurrencyPct }},
	{"spareslots", ImpactNone, func(c *Component) any { return c.SpareSlots }},
	{"scaledowndelayseconds", ImpactNone, func(c *Component) any { return c.ScaleDownDelaySeconds }},
	{"maxdurationseconds", ImpactNone, func(c *Component) any { return c.MaxDurationSeconds }},
	{"idletimeoutseconds", ImpactNone, func(c *Component) any { return c.IdleTimeoutSeconds }},
	{"idle", ImpactNone, func(c *Component) any { return string(c.Idle) }},
	{"drainseconds", ImpactNone, func(c *Component) any { return c.DrainSeconds }},

	{"httpport", ImpactRestart, func(c *Component) any { return c.HTTPPort }},
	{"protocol", ImpactRestart, func(c *Component) any { return c.Protocol }},
	{"httphealthcheckpath", ImpactRestart, func(c *Component) any { return c.HTTPHealthCheckPath }},
	{"httpstarthealthcheckseconds", ImpactNone, func(c *Component) any { return c.HTTPStartHealthCheckSeconds }},
	{"httphealthcheckseconds", ImpactRestart, func(c *Component) any { return c.HTTPHealthCheckSeconds }},
	{"httphealthcheckmaxfailures", ImpactRestart, func(c *Component) any { return c.HTTPHealthCheckMaxFailures }},
	{"healthcheckfailedcommand", ImpactRestart, func(c *Component) any { return c.HealthCheckFailedCommand }},

	{"restartorder", ImpactNone, func(c *Component) any { return string(c.RestartOrder) }},
	{"startparallelism", ImpactNone, func(c *Component) any { return string(c.StartParallelism) }},

	{"nodes", ImpactNone, func(c *Component) any { return c.Nodes }},
	{"placement", ImpactNone, func(c *Component) any { return unlessDefault(c.Placement, c.placementPolicy()) }},
	{"ondisconnect", ImpactNone, func(c *Component) any { return unlessDefault(c.OnDisconnect, c.onDisconnect()) }},

	{"logdriver", ImpactRestart, func(c *Component) any { return c.LogDriver }},
	{"logdriveroptions", ImpactRestart, func(c *Component) any { return c.LogDriverOptions }},
	{"volumes", ImpactRestart, func(c *Component) any { return c.Volumes }},
	{"files", ImpactRestart, func(c *Component) any { return c.Files }},
	{"ports", ImpactRestart, func(c *Component) any { return c.Ports }},
	{"networkname", ImpactRestart, func(c *Component) any { return c.NetworkName }},
	{"dns", ImpactRestart, func(c *Component) any { return c.DNS }},
	{"dnsoptions", ImpactRestart, func(c *Component) any { return c.DNSOptions }},
	{"dnssearch", ImpactRestart, func(c *Component) any { return c.DNSSearch }},
	{"ulimits", ImpactRestart, func(c *Component) any { return ulimitList(c.Ulimits) }},
	{"containerinit", ImpactRestart, func(c *Component) any { return c.ContainerInit }},
	{"user", ImpactRestart, func(c *Component) any { return c.User }},
	{"hostname", ImpactRestart, func(c *Component) any { return c.Hostname }},
	{"domainname", ImpactRestart, func(c *Component) any { return c.DomainName }},
	{"capadd", ImpactRestart, func(c *Component) any { return c.CapAdd }},
	{"capdrop", ImpactRestart, func(c *Component) any { return c.CapDrop }},

	{"releasecommand", ImpactRestart, func(c *Component) any { return c.ReleaseCommand }},

	{"wake", ImpactNone, func(c *Component) any { return c.Wake }},
	{"awake", ImpactNone, func(c *Component) any { return c.Awake }},

	{"pullcommand", ImpactNone, func(c *Component) any { return c.PullCommand }},
	{"pullusername", ImpactNone, func(c *Component) any { return c.PullUsername }},
	{"pullpassword", ImpactNone, func(c *Component) any { return c.PullPassword }},
	{"pullimageonput", ImpactNone, func(c *Component) any { return c.PullImageOnPut }},
	{"pullimageonstart", ImpactNone, func(c *Component) any { return c.PullImageOnStart }},
}

var httpFields = []diffField[*HTTPSource]{
	{"hostname", ImpactRoute, func(h *HTTPSource) any { return h.Hostname }},
	{"pathprefix", ImpactRoute, func(h *HTTPSource) any { return h.PathPrefix }},
	{"stripprefix", ImpactRoute, func(h *HTTPSource) any { return h.StripPrefix }},
}

var cronFields = []diffField[*CronSource]{
	{"schedule", ImpactSchedule, func(c *CronSource) any { return c.Schedule }},
	{"method", ImpactSchedule, func(c *CronSource) any { return c.HTTP.Method }},
	{"path", ImpactSchedule, func(c *CronSource) any { return c.HTTP.Path }},
	{"data", ImpactSchedule, func(c *CronSource) any { return c.HTTP.Data }},
	{"headers", ImpactSchedule, func(c *CronSource) any { return c.HTTP.Headers }},
	{"overlap", ImpactSchedule, func(c *CronSource) any { return unlessDefault(c.Overlap, OverlapAllow) }},
	{"missed", ImpactSchedule, func(c *CronSource) any { return unlessDefault(c.Missed, MissedSkip) }},
}

var sqsFields = []diffField[*SQSSource]{
	{"queuename", ImpactNone, func(s *SQSSource) any { return s.QueueName }},
	{"nameasprefix", ImpactNone, func(s *SQSSource) any { return s.NameAsPrefix }},
	{"path", ImpactNone, func(s *SQSSource) any { return s.Path }},
	{"maxconcurrency", ImpactNone, func(s *SQSSource) any { return s.MaxConcurrency }},
	{"messagesperpoll", ImpactNone, func(s *SQSSource) any { return s.MessagesPerPoll }},
	{"concurrencyperpoller", ImpactNone, func(s *SQSSource) any { return s.ConcurrencyPerPoller }},
	{"visibilitytimeout", ImpactNone, func(s *SQSSource) any { return s.VisibilityTimeout }},
}

var stepFuncFields = []diffField[*AWSStepFuncSource]{
	{"activityname", ImpactNone, func(s *AWSStepFuncSource) any { return s.ActivityName }},
	{"path", ImpactNone, func(s *AWSStepFuncSource) any { return s.Path }},
	{"maxconcurrency", ImpactNone, func(s *AWSStepFuncSource) any { return s.MaxConcurrency }},
	{"concurrencyperpoller", ImpactNone, func(s *AWSStepFuncSource) any { return s.ConcurrencyPerPoller }},
}

// unlessDefault leaves a word out that says what applies anyway.
func unlessDefault[T ~string](word, def T) any {
	if word == def {
		return ""
	}
	return string(word)
}
