package runtime

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"maelstrom/project"
)

const (
	secretWhole = 4 // bytes from which on a secret is hidden within words, too
	secretLine  = 8 // bytes from which on a line of a secret is one
)

// mask hides the secrets of a component. The zero value hides nothing.
type mask struct {
	long  *strings.Replacer
	short *regexp.Regexp
}

// maskOf hides the values of a component's environment that its names call
// secret, its password for the registry, and passwords in URLs.
func maskOf(spec settings) mask {
	values := map[string]bool{}
	note(values, spec.PullPassword)
	for _, v := range spec.Environment {
		if project.Secret(v.Name) {
			note(values, v.Value)
		}
		if u, err := url.Parse(v.Value); err == nil {
			if password, ok := u.User.Password(); ok {
				note(values, password)
			}
		}
	}
	return newMask(values)
}

// note adds the ways a secret may be printed.
func note(values map[string]bool, secret string) {
	secret = strings.TrimSpace(secret)
	quoted := strconv.Quote(secret)
	for _, form := range []string{secret, quoted[1 : len(quoted)-1], url.QueryEscape(secret), url.PathEscape(secret)} {
		values[form] = true
	}
	if lines := strings.Fields(secret); len(lines) > 1 {
		for _, line := range lines {
			if len(line) >= secretLine {
				values[line] = true
			}
		}
	}
}

func newMask(values map[string]bool) mask {
	var long, short []string
	for value := range values {
		switch {
		case len(value) >= secretWhole:
			long = append(long, value)
		case value != "":
			short = append(short, regexp.QuoteMeta(value))
		}
	}
	// The longest first: a secret may be part of another.
	slices.SortFunc(long, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	var m mask
	if len(long) > 0 {
		var pairs []string
		for _, value := range long {
			pairs = append(pairs, value, project.Hidden)
		}
		m.long = strings.NewReplacer(pairs...)
	}
	if len(short) > 0 {
		slices.Sort(short)
		m.short = regexp.MustCompile(`(^|[^\pL\pN])(?:` + strings.Join(short, "|") + `)($|[^\pL\pN])`)
	}
	return m
}

func (m mask) hide(text string) string {
	if m.long != nil {
		text = m.long.Replace(text)
	}
	if m.short != nil {
		text = m.short.ReplaceAllString(text, "${1}"+project.Hidden+"${2}")
	}
	return text
}
