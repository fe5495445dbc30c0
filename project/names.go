package project

import "strings"

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
