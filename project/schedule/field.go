package schedule

import (
	"strconv"
	"strings"
	"unicode"
)

// bounds describes one of the five fields.
type bounds struct {
	name     string
	min, max int
	names    []string // of the values from min on
}

var fieldBounds = [5]bounds{
	{name: "minute", max: 59},
	{name: "hour", max: 23},
	{name: "day of month", min: 1, max: 31},
	{name: "month", min: 1, max: 12, names: strings.Fields("jan feb mar apr may jun jul aug sep oct nov dec")},
	{name: "day of week", max: 6, names: strings.Fields("sun mon tue wed thu fri sat")},
}

// token is a piece of the expression that begins at byte pos.
type token struct {
	text string
	pos  int
}

// fields splits the rest of the expression at blanks.
func (p *parser) fields() ([]token, *ParseError) {
	fields := split(token{p.expr[p.pos:], p.pos}, unicode.IsSpace)
	switch {
	case len(fields) > 5:
		return nil, p.errorAt(fields[5].pos, fiveFields, "%d fields, not five", len(fields))
	case len(fields) < 5:
		return nil, p.errorAt(len(p.expr), fiveFields, "%d of five fields", len(fields))
	}
	return fields, nil
}

// split cuts t wherever sep holds; empty pieces are left out.
func split(t token, sep func(rune) bool) []token {
	var out []token
	start := -1
	for i, r := range t.text {
		switch {
		case sep(r) && start >= 0:
			out = append(out, token{t.text[start:i], t.pos + start})
			start = -1
		case !sep(r) && start < 0:
			start = i
		}
	}
	if start >= 0 {
		out = append(out, token{t.text[start:], t.pos + start})
	}
	return out
}

func (p *parser) spec(fields []token) (spec, *ParseError) {
	var sets [5]uint64
	var stars [5]bool
	for i, field := range fields {
		var err *ParseError
		if sets[i], stars[i], err = p.field(field, fieldBounds[i]); err != nil {
			return spec{}, err
		}
	}
	return spec{
		minute: sets[0], hour: sets[1], dom: sets[2], month: sets[3], dow: sets[4],
		eitherDay: !stars[2] && !stars[4],
	}, nil
}

// field reads a comma-separated list. Star tells that one element of it is a
// plain star, which leaves the field unrestricted.
func (p *parser) field(f token, b bounds) (set uint64, star bool, err *ParseError) {
	elements := split(f, func(r rune) bool { return r == ',' })
	if len(elements) == 0 {
		return 0, false, p.errorAt(f.pos, b.hint(), "%s %q names no value", b.name, f.text)
	}
	for _, e := range elements {
		bits, isStar, err := p.element(e, b)
		if err != nil {
			return 0, false, err
		}
		set, star = set|bits, star || isStar
	}
	return set, star, nil
}

// element reads *, ?, N, N-M and each of them with /STEP. N/STEP runs to the
// end of the field.
func (p *parser) element(e token, b bounds) (set uint64, star bool, err *ParseError) {
	values, stepText, hasStep := strings.Cut(e.text, "/")
	low, high, isRange := strings.Cut(values, "-")
	first, last, step := b.min, b.max, 1
	if values == "*" || values == "?" {
		star = true
	} else {
		if first, err = p.value(token{low, e.pos}, b); err != nil {
			return 0, false, err
		}
		switch {
		case isRange:
			last, err = p.value(token{high, e.pos + len(low) + 1}, b)
		case !hasStep:
			last = first
		}
		if err != nil {
			return 0, false, err
		}
	}
	if hasStep {
		if step, err = p.step(token{stepText, e.pos + len(values) + 1}, b); err != nil {
			return 0, false, err
		}
	}
	if first > last {
		return 0, false, p.errorAt(e.pos, "write the lower value first; for a range over the end, write two: \"22-23,0-2\"",
			"%s range %q ends before it begins", b.name, values)
	}
	for v := first; v <= last; v += step {
		set |= bit(v)
	}
	return set, star && step == 1, nil
}

// value reads a number or a name and checks that it is within bounds.
func (p *parser) value(v token, b bounds) (int, *ParseError) {
	for i, name := range b.names {
		if strings.EqualFold(v.text, name) {
			return b.min + i, nil
		}
	}
	n, ok := number(v.text)
	if !ok {
		return 0, p.errorAt(v.pos, b.hint(), "%s %q is not a number%s", b.name, v.text, b.orName())
	}
	if n < b.min || n > b.max {
		hint := b.hint()
		if b.name == "day of week" && n == 7 {
			hint = "Sunday is 0"
		}
		return 0, p.errorAt(v.pos, hint, "%s %s is not in %d-%d", b.name, v.text, b.min, b.max)
	}
	return n, nil
}

func (p *parser) step(v token, b bounds) (int, *ParseError) {
	n, ok := number(v.text)
	if !ok || n == 0 {
		return 0, p.errorAt(v.pos, "write a positive number after the slash", "%s step %q is not a positive number", b.name, v.text)
	}
	return min(n, b.max+1), nil // a longer step takes the first value only
}

// number reads digits, and nothing but digits.
func number(text string) (int, bool) {
	for _, r := range text {
		if r < '0' || r > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

func (b *bounds) hint() string {
	text := strconv.Itoa(b.min) + "-" + strconv.Itoa(b.max)
	if b.names != nil {
		text += " or " + b.names[0] + "-" + b.names[len(b.names)-1]
	}
	return b.name + " takes " + text + ", *, lists, ranges and steps; L, W, # and seconds are not part of this dialect"
}

func (b *bounds) orName() string {
	if b.names == nil {
		return ""
	}
	return " or a name"
}
