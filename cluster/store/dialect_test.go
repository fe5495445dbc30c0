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

func TestParametersAreAddedToADSN(t *testing.T) {
	params := map[string]string{"binary_parameters": "yes"}
	for dsn, want := range map[string]string{
		"postgres://u:p@host/db?sslmode=disable":       "postgres://u:p@host/db?binary_parameters=yes&sslmode=disable",
		"postgres://u@host/db?binary_parameters=no":    "postgres://u@host/db?binary_parameters=no",
		"host=x dbname=y":                              "host=x dbname=y binary_parameters=yes",
		"host=x binary_parameters=no password='a b=c'": "host=x binary_parameters=no password='a b=c'",
	} {
		if got, err := withParams(dsn, params); err != nil || got != want {
			t.Errorf("%s: %s, %v", dsn, got, err)
		}
	}
	_, err := withParams("postgres://u:secret@host:bad\x7f/", params)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
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
