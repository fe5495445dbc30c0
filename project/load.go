package project

import "fmt"

// Input is everything that one load reads; nothing else is consulted. The
// daemon fills it from a request, maelctl from the disk, a source from a
// commit, so that all three get the same verdict.
type Input struct {
	// File is the path of the base file, as messages shall show it.
	File string
	Data []byte

	// OverlayFile and OverlayData are the file that --overlay names, empty
	// without one.
	OverlayFile string
	OverlayData []byte

	// Lookup answers a ${NAME}; ok is false where the variable is not set.
	Lookup func(name string) (value string, ok bool)

	// ReadFile reads an envfile. The path is as written in the file; the
	// implementation resolves it (beside File first) and returns what it
	// actually read. Its error text is shown to the user.
	ReadFile func(path string) (File, error)

	// AllowUnset makes an unset variable empty, with a warning.
	AllowUnset bool
}

// File is one file that a load read.
type File struct {
	Path    string
	Data    []byte
	Warning string // shown at the field that named the file, if not empty
}

// Loaded is the outcome of a load. Project is nil when Problems holds an error.
type Loaded struct {
	Project  *Project
	Problems []Problem

	// Positions tells where a field was written. Keys are paths in full
	// names without index beyond the top-level lists, for example
	// "components.shop_web.image" or "eventsources.shop_web-http.http.hostname".
	Positions map[string]Position

	// Rendered is what `project render` shows.
	Rendered *Rendered

	// written maps components.<full> and eventsources.<full> to the path as it
	// stands in the file.
	written map[string]string
}

// Position is a place in a file, counted from 1; columns count runes.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// Severity tells whether a problem stops an apply.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// String is the problem as a compiler would print it.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.what())
}

// Problem is one finding of a validation.
type Problem struct {
	Rule     string   `json:"rule"` // MAEL001...
	Severity Severity `json:"severity"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	EndLine  int      `json:"end_line"`
	Path     string   `json:"path"` // as written in the file: components.web.environment[1]
	Message  string   `json:"message"`
	Hint     string   `json:"hint"`
}
