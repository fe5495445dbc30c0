package project

import (
	"fmt"
	"strings"
)

// The longest names that the store, the engine and the log columns can carry,
// in bytes of the full name.
const (
	MaxProjectName = 20
	MaxFullName    = 60
)

// FullName is the name under which the whole cluster knows a component or an
// event source: lower case, prefixed with the project unless it already is.
func FullName(project, name string) string {
	prefix := strings.ToLower(project) + "_"
	name = strings.ToLower(name)
	if strings.HasPrefix(name, prefix) {
		return name
	}
	return prefix + name
}

// checkName refuses a name with characters that names can't hold.
func checkName(c checker, at, name string) {
	switch {
	case name == "":
		c.bad(ruleName, at, "an empty name", "write letters, digits, _ and -")
	case strings.ContainsFunc(name, func(r rune) bool { return !labelRune(r) }):
		c.value(ruleName, at, name, "is no name", "write letters, digits, _ and -")
	}
}

// checkNameLength refuses a full name that is too long.
func checkNameLength(c checker, at, full string) {
	if len(full) > MaxFullName {
		c.bad(ruleNameLength, at, fmt.Sprintf("the full name %s has %d characters, more than %d", quote(full), len(full), MaxFullName),
			"shorten it")
	}
}

func checkProjectName(c checker, name string) {
	checkName(c, "name", name)
	if len(name) > MaxProjectName {
		c.value(ruleNameLength, "name", name, fmt.Sprintf("has %d characters, more than %d", len(name), MaxProjectName), "shorten it")
	}
}
