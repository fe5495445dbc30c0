package cluster

// StatusWrite is what the loop of a source has learned, stored in one
// transaction. All of it is about one source.
type StatusWrite struct {
	Hold *Hold // proves the role of the loop

	Source *SourceStatus   // nil: as it is stored
	Put    []ProjectStatus // each over what is stored under its key
	Remove []string        // keys; one that is not stored is no error
	Events []Event
}
