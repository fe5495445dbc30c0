package schedule

import (
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// ParseError says where a schedule is wrong and what to write instead.
type ParseError struct {
	Column  int // the rune, from 1
	Message string
	Hint    string
}

func (e *ParseError) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Message) }

// Parse reads a schedule. Zone counts where the schedule names none; nil means
// UTC. Every error is a *ParseError.
func Parse(expr string, zone *time.Location) (Schedule, error) {
	p := parser{expr: expr}
	s, err := p.parse(zone)
	if err != nil {
		return Schedule{}, err // not the typed nil
	}
	return s, nil
}

// parser reads expr; pos is the byte up to which it was read.
type parser struct {
	expr string
	pos  int
}

func (p *parser) errorAt(pos int, hint, format string, args ...any) *ParseError {
	return &ParseError{
		Column:  utf8.RuneCountInString(p.expr[:pos]) + 1,
		Message: fmt.Sprintf(format, args...),
		Hint:    hint,
	}
}

const fiveFields = "write minute, hour, day of month, month and day of week, for example \"0 3 * * mon\", or a descriptor such as @daily"

func (p *parser) parse(zone *time.Location) (Schedule, *ParseError) {
	if zone == nil {
		zone = time.UTC
	}
	if strings.TrimSpace(p.expr) == "" {
		return Schedule{}, p.errorAt(0, fiveFields, "the schedule is empty")
	}
	named, err := p.zone()
	if err != nil {
		return Schedule{}, err
	}
	if named != nil {
		zone = named
	}
	if strings.HasPrefix(p.expr[p.pos:], "@") {
		return p.descriptor(zone)
	}
	fields, err := p.fields()
	if err != nil {
		return Schedule{}, err
	}
	s, err := p.spec(fields)
	return Schedule{zone: zone, spec: s}, err
}

// zone reads a TZ= or CRON_TZ= prefix and the blanks after it; nil without one.
func (p *parser) zone() (*time.Location, *ParseError) {
	rest, ok := strings.CutPrefix(p.expr, "CRON_TZ=")
	if !ok {
		rest, ok = strings.CutPrefix(p.expr, "TZ=")
	}
	if !ok {
		return nil, nil
	}
	at := len(p.expr) - len(rest)
	name, fields, _ := strings.Cut(rest, " ")
	fields = strings.TrimSpace(fields)
	if fields == "" {
		return nil, p.errorAt(len(p.expr), fiveFields, "nothing follows the time zone")
	}
	zone, err := loadZone(name)
	if err != nil {
		return nil, p.errorAt(at, "use a name of the time zone database, for example TZ=Europe/Berlin", "unknown time zone %q", name)
	}
	p.pos = at + len(name)
	for p.pos < len(p.expr) {
		r, size := utf8.DecodeRuneInString(p.expr[p.pos:])
		if !unicode.IsSpace(r) {
			break
		}
		p.pos += size
	}
	return zone, nil
}

var zones sync.Map // name -> *time.Location; only names that exist, so it stays small

// loadZone refuses the empty name and Local, which mean another zone on
// another machine.
func loadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("load time zone %q: not a name", name)
	}
	if zone, ok := zones.Load(name); ok {
		return zone.(*time.Location), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("load time zone: %w", err)
	}
	zones.Store(name, zone)
	return zone, nil
}

var descriptors = map[string]string{
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
	"@monthly":  "0 0 1 * *",
	"@weekly":   "0 0 * * 0",
	"@daily":    "0 0 * * *",
	"@midnight": "0 0 * * *",
	"@hourly":   "0 * * * *",
}

func (p *parser) descriptor(zone *time.Location) (Schedule, *ParseError) {
	word := p.expr[p.pos:]
	if fields, ok := descriptors[word]; ok {
		return (&parser{expr: fields}).parse(zone)
	}
	if text, ok := strings.CutPrefix(word, "@every "); ok {
		return p.every(text, zone)
	}
	return Schedule{}, p.errorAt(p.pos,
		"use @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @every DURATION, or five fields",
		"%q is not a descriptor", word)
}

func (p *parser) every(text string, zone *time.Location) (Schedule, *ParseError) {
	const hint = "write a positive duration such as @every 90s or @every 1h30m"
	at := p.pos + len("@every ")
	interval, err := time.ParseDuration(text)
	if err != nil {
		return Schedule{}, p.errorAt(at, hint, "%q is not a duration", text)
	}
	if interval <= 0 {
		return Schedule{}, p.errorAt(at, hint, "an interval of %q never ends", text)
	}
	// As before: whole seconds, at least one.
	interval = max(interval.Truncate(time.Second), time.Second)
	return Schedule{zone: zone, every: interval}, nil
}
