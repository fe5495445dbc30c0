package cluster

import (
	"fmt"
	"regexp"
)

// Finding is one thing about a declaration that its author should know.
type Finding struct {
	Field   string `json:"field"` // as in JSON, with dots: git.url; a secret's is secrets.token
	Message string `json:"message"`
	Warning bool   `json:"warning"` // it works all the same
}

// findings collects what a check finds, in the order of looking.
type findings []Finding

func (f *findings) add(field, format string, args ...any) {
	*f = append(*f, Finding{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (f *findings) warn(field, format string, args ...any) {
	*f = append(*f, Finding{Field: field, Message: fmt.Sprintf(format, args...), Warning: true})
}

// Refused returns the first finding that is no warning, nil if there is none.
func Refused(found []Finding) *Finding {
	for i := range found {
		if !found[i].Warning {
			return &found[i]
		}
	}
	return nil
}

var declarationName = regexp.MustCompile(`^[a-z0-9_][a-z0-9_-]{0,59}$`)

func (f *findings) name(what, name string) {
	switch {
	case name == "":
		f.add("name", "a %s needs a name", what)
	case !declarationName.MatchString(name):
		f.add("name", "%q is no name of a %s: it has up to 60 of a-z, 0-9, - and _, and does not begin with -", name, what)
	}
}
