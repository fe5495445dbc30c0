package cluster

import (
	"maelstrom/project/route"
)

// Snapshot is an immutable view of the database at one change number, with
// the newest instances that nodes have pushed. It is shared by every part of
// a daemon; nobody changes one.
type Snapshot struct {
	Number int64 // change number; 0: nothing read yet

	// Restored is set on a snapshot from the copy on disk. It has no
	// environment, no secrets and no instances: it serves to route to what
	// runs, never to start or decide anything.
	Restored bool

	Projects     Map[*ProjectRow]
	Components   Map[*ComponentRow]
	EventSources Map[*EventSourceRow]
	Nodes        Map[*Node]
	Placements   Map[*Placement]            // by id
	ByComponent  Map[[]*Placement]          // by component, sorted by slot
	ByNode       Map[map[string]*Placement] // by node, then id
	Instances    Map[*Instance]             // by placement id; of nodes' current epochs only

	Sources         Map[*SourceRow]
	SourceStatuses  Map[*SourceStatus]
	ProjectStatuses Map[*ProjectStatus] // by ProjectStatus.Key
	BySource        Map[[]string]       // by source: keys of its project statuses, sorted
	ByProject       Map[[]string]       // by project: keys of the statuses that name it, sorted
	Controls        Map[*ControlRow]    // by ControlRow.Key
	Notifiers       Map[*NotifierRow]
	Alerts          Map[*Alert] // by Alert.Key, those that healed lately too

	Runs       Map[*Run]          // by id
	Unreleased Map[*ComponentRow] // by name: whose release command has yet to succeed

	Lists Map[ListPosition] // by node: how new its instances are

	// Silent names the other nodes that this one should hear and does not:
	// nothing is routed to them, or placed there. It is not in the database.
	Silent Map[bool]

	// Away is set while the database does not answer this node, and Cut names
	// the nodes that say so of themselves: nothing is placed there. Neither is
	// in the database.
	Away bool
	Cut  Map[bool]

	Unplaced Map[[]*Instance] // by component: instances without a row, sorted by placement

	// Indexes, so that a decision costs what is active and not what is stored.
	Minimum Map[int]             // by component: mininstances, where there are any
	Rolling Map[*ComponentRow]   // by name: Gated, or Failed and to be tried again
	Awake   Map[*ComponentRow]   // by name: with hours to be awake in
	Learned Map[*ComponentRow]   // by name: with `idle: learned`
	Crons   Map[*EventSourceRow] // by name: event sources of type cron, disabled ones too

	CronsOf Map[[]*EventSourceRow] // by component: the enabled ones, sorted by name

	Routes   *route.Table
	Disabled *route.Table // of disabled http event sources: asked where Routes has no match

	// lists holds the newest list known of each node. The instances of one
	// whose Epoch is below its node's are from before a restart: not shown.
	lists Map[*InstanceList]

	// changed is the Number of the last change of any row: what was stored
	// since were events alone.
	changed int64
}
