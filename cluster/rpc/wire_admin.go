package rpc

import "time"

// BackupRequest asks for a consistent copy of the embedded database.
type BackupRequest struct {
	// Path is the file to write on the daemon's machine: absolute, and not
	// there yet.
	Path string `json:"path"`
}

// BackupAnswer tells what was written.
type BackupAnswer struct {
	Path      string `json:"path"`
	SizeBytes int64  `json:"size_bytes"`
}

// TokenNewRequest asks for a new API token.
type TokenNewRequest struct {
	Name string `json:"name"`
}

// TokenNewAnswer holds the token, which nobody can read again later.
type TokenNewAnswer struct {
	Name  string `json:"name"`
	Token string `json:"token"`
}

// TokenListRequest asks for every token.
type TokenListRequest struct{}

// TokenList is the answer to a TokenListRequest, sorted by name.
type TokenList struct {
	Tokens []TokenInfo `json:"tokens"`
}

// TokenInfo is what may be known of a token.
type TokenInfo struct {
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"` // to within an hour
}

// TokenRemoveRequest makes a token count no longer.
type TokenRemoveRequest struct {
	Name string `json:"name"`
}

// TokenRemoveAnswer names the removed token.
type TokenRemoveAnswer struct {
	Name string `json:"name"`
}

// RekeyRequest seals the cluster's authority under another cluster key.
type RekeyRequest struct {
	Key string `json:"key"`
}

// RekeyAnswer tells what is sealed anew, and which nodes there are: each of
// them needs the key when it starts again.
type RekeyAnswer struct {
	Fingerprint string `json:"fingerprint"` // of the authority, which stays
	Nodes       []Node `json:"nodes"`
}

// VersionRequest asks what answers here.
type VersionRequest struct{}

// VersionAnswer says what answers here.
type VersionAnswer struct {
	Version   string `json:"version"`
	Node      string `json:"node"`
	ClusterID string `json:"cluster_id"`
	GoVersion string `json:"go_version"`
}
