package rpc

import (
	"time"

	"maelstrom/cluster"
)

// Alert is something that somebody should look at.
type Alert struct {
	Kind      cluster.AlertKind     `json:"kind"`
	Subject   string                `json:"subject"`
	Severity  cluster.EventSeverity `json:"severity"`
	Title     string                `json:"title"`
	Cause     string                `json:"cause"`
	Source    string                `json:"source"`
	Project   string                `json:"project"`
	Component string                `json:"component"`
	Node      string                `json:"node"`
	Since     time.Time             `json:"since"`
	Told      time.Time             `json:"told"`
	Healed    *time.Time            `json:"healed"` // null: it is open
	How       string                `json:"how"`    // it healed
}

// ListAlertsRequest asks for the alerts that are open.
type ListAlertsRequest struct {
	All bool `json:"all,omitempty"` // those that healed lately too
}

// AlertList is the answer to a ListAlertsRequest: those that are open first,
// then the latest.
type AlertList struct {
	Alerts []Alert `json:"alerts"`
}
