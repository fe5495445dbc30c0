package rpc

import (
	"strings"

	"maelstrom/cluster"
	"maelstrom/project"
)

// toEventSource reads e as an event source of a component. Secrets that came
// back masked are kept from old, if any.
func (e *origEventSource) toEventSource(projectName, component string, old *project.EventSource) project.EventSource {
	out := project.EventSource{
		Name:      project.FullName(projectName, strings.TrimSpace(e.Name)),
		Project:   projectName,
		Component: component,
	}
	if h := e.HTTP; h != nil {
		out.HTTP = &project.HTTPSource{Hostname: h.Hostname, PathPrefix: h.PathPrefix, StripPrefix: h.StripPrefix}
	}
	if c := e.Cron; c != nil {
		out.Cron = c.ours(old)
	}
	if q := e.SQS; q != nil {
		out.SQS = &project.SQSSource{
			QueueName:            q.QueueName,
			NameAsPrefix:         q.NameAsPrefix,
			Path:                 q.Path,
			MaxConcurrency:       q.MaxConcurrency,
			MessagesPerPoll:      q.MessagesPerPoll,
			ConcurrencyPerPoller: q.ConcurrencyPerPoller,
			VisibilityTimeout:    q.VisibilityTimeout,
		}
	}
	if f := e.AWSStepFunc; f != nil {
		out.AWSStepFunc = &project.AWSStepFuncSource{
			ActivityName:         f.ActivityName,
			Path:                 f.Path,
			MaxConcurrency:       f.MaxConcurrency,
			ConcurrencyPerPoller: f.ConcurrencyPerPoller,
		}
	}
	return out
}

func (c *origCron) ours(old *project.EventSource) *project.CronSource {
	known := map[string]string{}
	if old != nil && old.Cron != nil {
		for _, h := range old.Cron.HTTP.Headers {
			known[h.Name] = h.Value
		}
	}
	out := &project.CronSource{
		Schedule: c.Schedule,
		HTTP:     project.CronHTTP{Method: c.HTTP.Method, Path: c.HTTP.Path, Data: c.HTTP.Data},
	}
	for _, h := range c.HTTP.Headers {
		out.HTTP.Headers = append(out.HTTP.Headers, project.Header{Name: h.Name, Value: unmask(h.Value, known[h.Name])})
	}
	return out
}

// origFromSourceRow shows a stored event source, secrets masked.
func origFromSourceRow(row *cluster.EventSourceRow) origEventSource {
	e := origFromEventSource(row.Spec)
	e.Version, e.ModifiedAt = row.Version, millis(row.ModifiedAt)
	return e
}

func origFromEventSource(spec *project.EventSource) origEventSource {
	out := origEventSource{Name: spec.Name, ComponentName: spec.Component, ProjectName: spec.Project}
	if h := spec.HTTP; h != nil {
		out.HTTP = &origHTTP{Hostname: h.Hostname, PathPrefix: h.PathPrefix, StripPrefix: h.StripPrefix}
	}
	if c := spec.Cron; c != nil {
		out.Cron = &origCron{
			Schedule: c.Schedule,
			HTTP:     origCronHTTP{Method: c.HTTP.Method, Path: c.HTTP.Path, Data: c.HTTP.Data},
		}
		for _, h := range c.HTTP.Headers {
			out.Cron.HTTP.Headers = append(out.Cron.HTTP.Headers, origNameValue{Name: h.Name, Value: project.MaskValue(h.Name, h.Value)})
		}
	}
	if q := spec.SQS; q != nil {
		out.SQS = &origSQS{
			QueueName:            q.QueueName,
			NameAsPrefix:         q.NameAsPrefix,
			Path:                 q.Path,
			MaxConcurrency:       q.MaxConcurrency,
			MessagesPerPoll:      q.MessagesPerPoll,
			ConcurrencyPerPoller: q.ConcurrencyPerPoller,
			VisibilityTimeout:    q.VisibilityTimeout,
		}
	}
	if f := spec.AWSStepFunc; f != nil {
		out.AWSStepFunc = &origAWSStepFunc{
			ActivityName:         f.ActivityName,
			Path:                 f.Path,
			MaxConcurrency:       f.MaxConcurrency,
			ConcurrencyPerPoller: f.ConcurrencyPerPoller,
		}
	}
	return out
}
