package project

import "regexp"

// Hidden stands where a secret value would be shown.
const Hidden = "(sensitive)"

var secretName = regexp.MustCompile(`(?i)passw|secret|token|credential|private.?key|api.?key|dsn|authorization|cookie`)

// Secret tells whether the value that goes by name (of a variable, an
// environment entry, a header or a key of the file) must never be shown.
func Secret(name string) bool { return secretName.MatchString(name) }

// MaskValue is value as it may be shown under name: Hidden if the name is
// secret and there is something to hide, else value itself.
func MaskValue(name, value string) string {
	if value == "" || !Secret(name) {
		return value
	}
	return Hidden
}
