package project

import (
	"slices"
	"strings"
)

// The values that apply where a file says nothing. A written zero means the
// default as well, so that the file and the API agree.
const (
	DefaultHTTPPort                    = 8080
	DefaultHTTPHealthCheckPath         = "/"
	DefaultHTTPStartHealthCheckSeconds = 60
	DefaultHTTPHealthCheckSeconds      = 10
	DefaultHTTPHealthCheckMaxFailures  = 1
	DefaultReserveMemory               = 128 // MiB
	DefaultMaxConcurrency              = 1
	DefaultMaxDurationSeconds          = 300
	DefaultIdleTimeoutSeconds          = 300
	DefaultDrainSeconds                = 30
	DefaultScaleDownConcurrencyPct     = 0.25
	DefaultScaleUpConcurrencyPct       = 0.75
	DefaultVolumeType                  = "bind"
	DefaultProtocol                    = "http"
	DefaultWakeAnswer                  = 200
	DefaultAwakeMin                    = 1
	DefaultSQSMaxConcurrency           = 10
	DefaultSQSMessagesPerPoll          = 1
	DefaultSQSVisibilityTimeout        = 300
	DefaultStepFuncConcurrency         = 1
)

// Effective returns c with every default filled in, at every depth. It is
// what the engine, placement, the gateway and a diff see; c is not changed.
func (c *Component) Effective() Component {
	e := *c
	orDefault(&e.HTTPPort, DefaultHTTPPort)
	orDefault(&e.HTTPHealthCheckPath, DefaultHTTPHealthCheckPath)
	orDefault(&e.HTTPStartHealthCheckSeconds, DefaultHTTPStartHealthCheckSeconds)
	orDefault(&e.HTTPHealthCheckSeconds, DefaultHTTPHealthCheckSeconds)
	orDefault(&e.HTTPHealthCheckMaxFailures, DefaultHTTPHealthCheckMaxFailures)
	orDefault(&e.ReserveMemory, DefaultReserveMemory)
	orDefault(&e.MaxConcurrency, DefaultMaxConcurrency)
	orDefault(&e.MaxDurationSeconds, DefaultMaxDurationSeconds)
	orDefault(&e.IdleTimeoutSeconds, DefaultIdleTimeoutSeconds)
	orDefault(&e.DrainSeconds, DefaultDrainSeconds)
	orDefault(&e.ScaleDownConcurrencyPct, DefaultScaleDownConcurrencyPct)
	orDefault(&e.ScaleUpConcurrencyPct, DefaultScaleUpConcurrencyPct)
	orDefault(&e.Protocol, DefaultProtocol)
	orDefault(&e.StartParallelism, StartParallel)
	orDefault(&e.Balance, BalanceRoundRobin)
	orDefault(&e.Idle, IdleFixed)
	e.Volumes = effectiveVolumes(c.Volumes)
	e.Files = effectiveFileMounts(c.Files)
	e.Wake = effectiveList(c.Wake, func(r *WakeRule) { orDefault(&r.Answer, DefaultWakeAnswer) })
	e.Awake = effectiveList(c.Awake, func(w *AwakeWindow) { orDefault(&w.Min, DefaultAwakeMin) })
	e.RestartOrder, _ = e.restartOrder()
	orDefault(&e.Placement, e.placementPolicy())
	orDefault(&e.OnDisconnect, e.onDisconnect())
	return e
}

// placementPolicy is the placement policy where none is written: what always
// runs is to survive the loss of a node, what sleeps leaves others room.
func (c *Component) placementPolicy() PlacementPolicy {
	if c.MinInstances > 0 {
		return PlacementSpread
	}
	return PlacementPack
}

// onDisconnect is what a cut-off node does where nothing is written: what has
// a limit runs elsewhere soon, and is not to exceed it.
func (c *Component) onDisconnect() OnDisconnect {
	if c.MaxInstances > 0 {
		return DisconnectStop
	}
	return DisconnectKeep
}

// restartOrder is the effective restart order and the rule that chose it.
func (c *Component) restartOrder() (order RestartOrder, why string) {
	switch {
	case c.RestartOrder != "":
		return c.RestartOrder, "as written"
	case c.MaxInstances == 1 || c.MaxInstances > 0 && c.MinInstances >= c.MaxInstances:
		return RestartStopStart, "maxinstances leaves no room for a second instance"
	case hasHostPort(c.Ports):
		return RestartStopStart, "a host port can be bound once"
	case hasWritableMount(c.Volumes):
		return RestartStopStart, "a writable volume is not shared between two instances"
	case c.NetworkName == "host":
		return RestartStopStart, "networkname: host binds the port on the host"
	}
	return RestartStartStop, "nothing forbids two instances side by side"
}

// hasHostPort tells whether a port of the host is claimed; one that the engine
// may choose is free for each instance.
func hasHostPort(ports []string) bool {
	for _, spec := range ports {
		if end := strings.LastIndexByte(spec, ':'); end > 0 && spec[end-1] != ':' {
			return true
		}
	}
	return false
}

func hasWritableMount(volumes []Volume) bool {
	for _, v := range volumes {
		if !v.ReadOnly && v.Type != "tmpfs" {
			return true
		}
	}
	return false
}

func effectiveVolumes(volumes []Volume) []Volume {
	return effectiveList(volumes, func(v *Volume) { orDefault(&v.Type, DefaultVolumeType) })
}

// effectiveList is a copy of a list with each item filled in.
func effectiveList[T any](list []T, fill func(*T)) []T {
	out := slices.Clone(list)
	for i := range out {
		fill(&out[i])
	}
	return out
}

// Effective returns e with every default filled in; e is not changed.
func (e *EventSource) Effective() EventSource {
	out := *e
	switch {
	case e.Cron != nil:
		cron := *e.Cron
		orDefault(&cron.Overlap, OverlapAllow)
		orDefault(&cron.Missed, MissedSkip)
		out.Cron = &cron
	case e.SQS != nil:
		sqs := *e.SQS
		orDefault(&sqs.MaxConcurrency, DefaultSQSMaxConcurrency)
		orDefault(&sqs.MessagesPerPoll, DefaultSQSMessagesPerPoll)
		orDefault(&sqs.ConcurrencyPerPoller, sqs.MessagesPerPoll)
		orDefault(&sqs.VisibilityTimeout, DefaultSQSVisibilityTimeout)
		out.SQS = &sqs
	case e.AWSStepFunc != nil:
		task := *e.AWSStepFunc
		orDefault(&task.MaxConcurrency, DefaultStepFuncConcurrency)
		orDefault(&task.ConcurrencyPerPoller, DefaultStepFuncConcurrency)
		out.AWSStepFunc = &task
	}
	return out
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
