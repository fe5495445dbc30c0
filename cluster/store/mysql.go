package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"

	"github.com/go-sql-driver/mysql"
)

// MySQL: READ COMMITTED for writes, for the gap locks of its default would
// make unrelated inserts wait.
var mysqlDialect = &dialect{
	name:     "mysql",
	open:     openMySQL,
	writes:   sql.TxOptions{Isolation: sql.LevelReadCommitted},
	reads:    sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	clock:    `select timestampdiff(microsecond, '1970-01-01 00:00:00', utc_timestamp(6))`,
	classify: classifyMySQL,
}

func openMySQL(_ context.Context, dsn string) (writer, reader *sql.DB, err error) {
	cfg, err := mysqlConfig(dsn)
	if err != nil {
		return nil, nil, err
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, nil, err
	}
	db := pool(sql.OpenDB(connector))
	return db, db, nil
}

// mysqlConfig adds to a DSN what the store's statements rest on.
func mysqlConfig(dsn string) (*mysql.Config, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	cfg.ClientFoundRows = true   // an update that changes nothing has still met its row
	cfg.InterpolateParams = true // no prepared statements, as a pooler may send each to another session
	cfg.MultiStatements = false
	cfg.RejectReadOnly = true // a failover leaves us on what is now a replica
	cfg.Logger = &mysql.NopLogger{}
	cfg.DialFunc = dial
	cfg.Collation = ""
	if err := cfg.Apply(mysql.Charset("utf8mb4", "")); err != nil { // utf8 alone has no 4-byte characters
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = connectTimeout
	}
	if cfg.ReadTimeout == 0 {
		cfg.ReadTimeout = patience
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = patience
	}
	params := map[string]string{
		// What is too long is refused, not cut.
		"sql_mode":                 "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
		"innodb_lock_wait_timeout": strconv.Itoa(int(lockTimeout.Seconds())), // for rows
		"lock_wait_timeout":        strconv.Itoa(int(lockTimeout.Seconds())), // for tables
		// A backstop against a writer that froze with locks held.
		"wait_timeout": strconv.Itoa(int(idleTimeout.Seconds())),
	}
	for name, value := range params {
		if cfg.Params == nil {
			cfg.Params = map[string]string{}
		}
		cfg.Params[name] = value
	}
	return cfg, nil
}

func classifyMySQL(err error) errorClass {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return classifyConnection(err)
	}
	switch e.Number {
	case 1062, 1050: // a row, or a table that another program has just made
		return classUnique
	case 1060, 1061: // a column, an index
		return classThere
	case 1146:
		return classNoTable
	case 1205, 1213, 1020, 3572: // lock wait time-out, deadlock, row changed since read
		return classConflict
	case 1040, 1053, 1077, 1290, 1792, 1836, 1927, 2006, 2013, 4031: // full, shutting down, read-only after a failover, killed, idle too long, gone
		return classLost
	}
	return classOther
}
