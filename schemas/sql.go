package schemas

import "embed"

// SQL holds the database migrations, sql/<dialect>/NNNN_<name>.sql.
//
//go:embed sql/*/*.sql
var SQL embed.FS
