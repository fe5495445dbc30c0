package schemas

import (
	"embed"
	"io/fs"
)

//go:embed sql/*/*.sql
var sqlFiles embed.FS

// SQL holds the database migrations, sql/<dialect>/NNNN_<name>.sql.
var SQL fs.FS = sqlFiles
