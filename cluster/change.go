package cluster

// ChangeKind says which table a change is in.
type ChangeKind string

// The change kinds.
const (
	ChangeProject     ChangeKind = "project"
	ChangeComponent   ChangeKind = "component"
	ChangeEventSource ChangeKind = "event_source"
	ChangePlacement   ChangeKind = "placement"
	ChangeNode        ChangeKind = "node" // joined, changed state, left; not each status

	ChangeSource        ChangeKind = "source"
	ChangeSourceStatus  ChangeKind = "source_status"
	ChangeProjectStatus ChangeKind = "project_status"
	ChangeControl       ChangeKind = "control"
	ChangeNotifier      ChangeKind = "notifier"

	ChangeAlert ChangeKind = "alert"

	ChangeRun ChangeKind = "run"

	// ChangeDelivery tells that a source's webhook was called: a Recent has it.
	ChangeDelivery ChangeKind = "delivery"

	// ChangeEvent numbers a transaction that stored events and nothing else.
	ChangeEvent ChangeKind = "event"
)

// ChangeSet is what changed since a number, read in one transaction. A nil
// value means that the row is gone. With Full set, the maps are everything.
type ChangeSet struct {
	Number       int64
	Full         bool
	Projects     map[string]*ProjectRow
	Components   map[string]*ComponentRow
	EventSources map[string]*EventSourceRow
	Placements   map[string]*Placement
	Nodes        map[string]*Node

	Sources         map[string]*SourceRow
	SourceStatuses  map[string]*SourceStatus
	ProjectStatuses map[string]*ProjectStatus // by ProjectStatus.Key
	Controls        map[string]*ControlRow    // by ControlRow.Key
	Notifiers       map[string]*NotifierRow
	Alerts          map[string]*Alert // by Alert.Key

	Runs map[string]*Run // by id

	Instances []InstanceList // with Full: what the database knows of every node
}

// rows counts the rows that changed.
func (cs *ChangeSet) rows() int {
	return len(cs.Projects) + len(cs.Components) + len(cs.EventSources) + len(cs.Placements) + len(cs.Nodes) +
		len(cs.Sources) + len(cs.SourceStatuses) + len(cs.ProjectStatuses) + len(cs.Controls) + len(cs.Notifiers) + len(cs.Alerts) + len(cs.Runs)
}
