package project

import (
	"errors"
	"reflect"
	"strings"
	"time"

	"maelstrom/project/schedule"
)

// checkEventSource checks an event source on its own.
func checkEventSource(c checker, e *EventSource) {
	checkSourceType(c, e)
	if e.HTTP != nil {
		checkHTTP(c.under("http"), e.HTTP)
	}
	if e.Cron != nil {
		checkCron(c.under("cron"), e.Cron)
	}
	if e.SQS != nil {
		at := c.under("sqs")
		checkKeys(at, reflectValue(e.SQS), shapeOf(e.SQS))
		checkPath(at, "path", e.SQS.Path)
	}
	if e.AWSStepFunc != nil {
		at := c.under("awsstepfunc")
		checkKeys(at, reflectValue(e.AWSStepFunc), shapeOf(e.AWSStepFunc))
		checkPath(at, "path", e.AWSStepFunc.Path)
	}
	if t := e.Type(); t == TypeSQS || t == TypeAWSStepFunc {
		c.bad(ruleNotRun, string(t), "event sources of type "+string(t)+" are stored but not run yet (not_run)",
			"nothing reaches the component from here for now")
	}
}

func checkSourceType(c checker, e *EventSource) {
	var types []string
	v := reflect.ValueOf(e).Elem()
	for _, k := range shapeOf(e).keys {
		if !v.FieldByIndex(k.index).IsNil() {
			types = append(types, k.name)
		}
	}
	switch {
	case len(types) == 0:
		c.bad(ruleSourceType, "", "an event source without a type", "write one of http:, cron:, sqs:, awsstepfunc: below its name")
	case len(types) > 1:
		c.bad(ruleSourceType, "", "an event source with "+strings.Join(types, " and "),
			"keep one type; write a second event source for the other")
	}
}

func checkHTTP(c checker, h *HTTPSource) {
	if h.Hostname == "" && h.PathPrefix == "" {
		c.add(finding{rule: ruleMissing, path: "hostname", near: []string{"pathprefix"},
			message: "hostname and pathprefix are both missing", hint: "write hostname, pathprefix or both"})
	}
	if h.Hostname != "" {
		if problem, hint := hostnameProblem(h.Hostname); problem != "" {
			c.value(ruleHostname, "hostname", h.Hostname, problem, hint)
		}
	}
	if h.PathPrefix != "" && !strings.HasPrefix(h.PathPrefix, "/") {
		c.value(rulePath, "pathprefix", h.PathPrefix, "does not start with a slash", "write /"+h.PathPrefix)
	}
}

func checkCron(c checker, cron *CronSource) {
	checkKeys(c, reflectValue(cron), shapeOf(cron))
	if cron.Schedule != "" {
		checkSchedule(c, "schedule", cron.Schedule)
	}
	at := c.under("http")
	checkKeys(at, reflectValue(&cron.HTTP), shapeOf(&cron.HTTP))
	checkPath(at, "path", cron.HTTP.Path)
	if m := cron.HTTP.Method; m != "" && !httpToken(m) {
		at.value(ruleRequest, "method", m, "is no method", "write GET, POST, PUT or another word")
	}
	for i, h := range cron.HTTP.Headers {
		checkHeader(at.under(index("headers", i)), h)
	}
}

func checkHeader(c checker, h Header) {
	checkKeys(c, reflectValue(&h), shapeOf(&h))
	if h.Name != "" && !httpToken(h.Name) {
		c.value(ruleRequest, "name", h.Name, "is no name of a header field", "write letters, digits and dashes, without a colon")
	}
	if strings.ContainsFunc(h.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		c.bad(ruleRequest, "value", "the value holds a line break or control character", "write it on one line")
	}
}

// checkSchedule checks a schedule in the dialect that cron runs, and warns of
// one that never comes.
func checkSchedule(c checker, at, expr string) {
	s, err := schedule.Parse(expr, nil)
	var bad *schedule.ParseError
	switch {
	case errors.As(err, &bad):
		c.value(ruleSchedule, at, expr, "is no schedule: "+bad.Message, bad.Hint)
	case err != nil:
		c.value(ruleSchedule, at, expr, "is no schedule", "write five fields, a descriptor such as @hourly, or @every 5m")
	case s.Next(anyDay, anyDay).IsZero():
		c.value(ruleNever, at, expr, "never comes", "check day of month and month")
	}
}

// anyDay is where the search for a first firing begins: whether there is one
// does not depend on it.
var anyDay = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// httpToken tells whether s is what HTTP calls a token.
func httpToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}
