package rpc

import "time"

// MigrateRequest asks a single node to move to a database server.
type MigrateRequest struct {
	Driver string `json:"driver"` // postgres or mysql
	DSN    string `json:"dsn"`    // holds a password: never shown, logged or stored
	DryRun bool   `json:"dry_run,omitempty"`
}

// MigrateAnswer tells what was copied, or would be.
type MigrateAnswer struct {
	Driver    string          `json:"driver"`
	Database  string          `json:"database"` // host, port and name
	ClusterID string          `json:"cluster_id"`
	DryRun    bool            `json:"dry_run"`
	Tables    []MigratedTable `json:"tables"` // sorted by name
	Rows      int64           `json:"rows"`   // of all tables
	MovedAt   *time.Time      `json:"moved_at"`
}

// MigratedTable is one table of the database.
type MigratedTable struct {
	Table  string `json:"table"`
	Rows   int64  `json:"rows"`
	Copied int64  `json:"copied"`
}

// MigrateStatusRequest asks how far a move is.
type MigrateStatusRequest struct{}

// MigrateState says where this node is on its way to a server.
type MigrateState string

// The states.
const (
	MigrateNone    MigrateState = "none"
	MigrateCopying MigrateState = "copying"
	MigrateMoved   MigrateState = "moved" // nothing can be declared here; restart on the server
)

// MigrateStatus tells how far a move is.
type MigrateStatus struct {
	State  MigrateState    `json:"state"`
	Driver string          `json:"driver"` // of the server; empty in state none
	Tables []MigratedTable `json:"tables"` // of the last copy since the start
}

// MigrateCancelRequest makes a node stay on its own database.
type MigrateCancelRequest struct{}

// MigrateCancelAnswer tells what was called off.
type MigrateCancelAnswer struct {
	Driver string `json:"driver"`
}
