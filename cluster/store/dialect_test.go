package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

func TestRebind(t *testing.T) {
	const query = `select a from b where c = ? and d in (?, ?)`
	if got := sqliteDialect.rebind(query); got != query {
		t.Errorf("sqlite: %s", got)
	}
	if got, want := postgresDialect.rebind(query), `select a from b where c = $1 and d in ($2, $3)`; got != want {
		t.Errorf("postgres: %s", got)
	}
}

// The original's DSNs, and what is set over and beside what they say.
func TestPostgresDSN(t *testing.T) {
	for _, dsn := range []string{
		"postgres://u:p@host:6432/db?sslmode=disable",
		"postgresql://u:p@host:6432/db?binary_parameters=no",
		"user=u password=p host=host port=6432 dbname=db sslmode=disable",
		"host=host,other port=6432 user=u password=p dbname=db",
	} {
		cfg, err := postgresConfig(dsn)
		must(t, err)
		if cfg.User != "u" || cfg.Password != "p" || cfg.Host != "host" || cfg.Port != 6432 || cfg.Database != "db" ||
			!cfg.BinaryParameters || cfg.ConnectTimeout != connectTimeout {
			t.Errorf("%s: %+v", dsn, cfg)
		}
		if several := len(cfg.Multi) > 0; several != (cfg.TargetSessionAttrs == pq.TargetSessionAttrsReadWrite) {
			t.Errorf("%s: session %q", dsn, cfg.TargetSessionAttrs)
		}
	}
	cfg, err := postgresConfig("postgres://host/db?connect_timeout=2&target_session_attrs=any")
	if err != nil || cfg.ConnectTimeout != 2*time.Second || cfg.TargetSessionAttrs != pq.TargetSessionAttrsAny {
		t.Errorf("%+v, %v", cfg, err)
	}
	for _, dsn := range []string{"postgres://u:secret@host:bad\x7f/", "postgres://u:sec/ret@host", "host=x password=my secret"} {
		if _, err := postgresConfig(dsn); err == nil || strings.Contains(err.Error(), "ret") {
			t.Errorf("%s: error %v", dsn, err)
		}
	}
}

func TestMySQLDSN(t *testing.T) {
	for _, dsn := range []string{
		"u:p@(host:3307)/db",
		"u:p@tcp(host:3307)/db?parseTime=true&charset=utf8&loc=Local&collation=latin1_swedish_ci",
		"u:p@tcp(host:3307)/db?multiStatements=true&interpolateParams=false&clientFoundRows=false&sql_mode=''",
	} {
		cfg, err := mysqlConfig(dsn)
		must(t, err)
		if cfg.User != "u" || cfg.Passwd != "p" || cfg.Addr != "host:3307" || cfg.DBName != "db" || cfg.Net != "tcp" {
			t.Errorf("%s: %+v", dsn, cfg)
		}
		if !cfg.ClientFoundRows || !cfg.InterpolateParams || cfg.MultiStatements || !cfg.RejectReadOnly ||
			!strings.Contains(cfg.FormatDSN(), "charset=utf8mb4") || cfg.Params["wait_timeout"] != "5" || len(cfg.Params["sql_mode"]) < 10 ||
			cfg.Timeout != connectTimeout || cfg.ReadTimeout != patience {
			t.Errorf("%s: %+v", dsn, cfg)
		}
	}
	cfg, err := mysqlConfig("u@unix(/run/mysqld/mysqld.sock)/db?timeout=1s&readTimeout=2s&writeTimeout=3s&tls=skip-verify")
	if err != nil || cfg.Timeout != time.Second || cfg.ReadTimeout != 2*time.Second || cfg.WriteTimeout != 3*time.Second ||
		cfg.Net != "unix" || cfg.TLSConfig != "skip-verify" {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func TestClassify(t *testing.T) {
	postgres := func(code string) error { return fmt.Errorf("run: %w", &pq.Error{Code: pqerror.Code(code)}) }
	mariadb := func(n uint16) error { return fmt.Errorf("run: %w", &mysql.MySQLError{Number: n}) }
	lost := &net.OpError{Op: "read", Err: errors.New("reset")}
	for _, row := range []struct {
		d    *dialect
		err  error
		want errorClass
	}{
		{postgresDialect, postgres("23505"), classUnique},
		{postgresDialect, postgres("40001"), classConflict},
		{postgresDialect, postgres("40P01"), classConflict},
		{postgresDialect, postgres("55P03"), classConflict},
		{postgresDialect, postgres("57P01"), classLost},
		{postgresDialect, postgres("08006"), classLost},
		{postgresDialect, postgres("25P03"), classLost},
		{postgresDialect, postgres("25006"), classLost},
		{postgresDialect, postgres("0A000"), classLost},
		{postgresDialect, postgres("53300"), classLost},
		{postgresDialect, postgres("42P07"), classUnique},
		{postgresDialect, postgres("42701"), classThere},
		{postgresDialect, postgres("42P01"), classNoTable},
		{postgresDialect, postgres("42601"), classOther},
		{postgresDialect, driver.ErrBadConn, classLost},
		{postgresDialect, io.ErrUnexpectedEOF, classLost},
		{postgresDialect, lost, classLost},
		{postgresDialect, context.Canceled, classOther},
		{postgresDialect, context.DeadlineExceeded, classOther},
		{mysqlDialect, mariadb(1062), classUnique},
		{mysqlDialect, mariadb(1213), classConflict},
		{mysqlDialect, mariadb(1205), classConflict},
		{mysqlDialect, mariadb(1290), classLost},
		{mysqlDialect, mariadb(1040), classLost},
		{mysqlDialect, mariadb(4031), classLost},
		{mysqlDialect, mariadb(1050), classUnique},
		{mysqlDialect, mariadb(1060), classThere},
		{mysqlDialect, mariadb(1061), classThere},
		{mysqlDialect, mariadb(1146), classNoTable},
		{mysqlDialect, mariadb(1064), classOther},
		{mysqlDialect, mysql.ErrInvalidConn, classLost},
		{mysqlDialect, lost, classLost},
		{sqliteDialect, lost, classOther},
		{sqliteDialect, nil, classOther},
		{postgresDialect, nil, classOther},
		{mysqlDialect, nil, classOther},
	} {
		if got := row.d.classify(row.err); got != row.want {
			t.Errorf("%s: %v is %d, want %d", row.d.name, row.err, got, row.want)
		}
	}
}

func TestMomentKeepsMicroseconds(t *testing.T) {
	now := time.Now()
	if got := moment(micros(now)); !got.Equal(now.Truncate(time.Microsecond)) || got.Location() != time.UTC {
		t.Errorf("%v became %v", now, got)
	}
	if micros(time.Time{}) != 0 || !moment(0).IsZero() {
		t.Error("no time is not kept")
	}
}
