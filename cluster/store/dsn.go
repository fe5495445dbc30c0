package store

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/lib/pq"
)

// DSN is the address of a database server, told apart from its secrets.
type DSN struct {
	Driver string
	Where  string // for people: host, port and database

	secrets []string
}

// The forms, for messages: what can't be read is never repeated, for it may
// hold a password.
const (
	postgresForms = `postgres://user:password@host:5432/database?sslmode=verify-full, or "host=... port=... user=... password=... dbname=..."`
	mysqlForms    = "user:password@tcp(host:3306)/database?tls=true"
)

var (
	errPostgresDSN = errors.New("the DSN can't be read; it looks like " + postgresForms)
	errMySQLDSN    = errors.New("the DSN can't be read; it looks like " + mysqlForms + "")
)

// GuessDriver tells whose form a DSN has, postgres or mysql.
func GuessDriver(dsn string) (string, error) {
	switch {
	case isPostgresURL(dsn), isPostgresPairs(dsn):
		return "postgres", nil
	case !strings.Contains(dsn, "://") && strings.Contains(dsn, "/"):
		if _, err := mysql.ParseDSN(dsn); err == nil {
			return "mysql", nil
		}
	}
	return "", fmt.Errorf("the DSN is neither PostgreSQL's (%s) nor MySQL's (%s)", postgresForms, mysqlForms)
}

// ParseDSN reads the address of a server. Its errors repeat nothing of it.
func ParseDSN(driver, dsn string) (DSN, error) {
	switch driver {
	case "postgres":
		return parsePostgresDSN(dsn)
	case "mysql":
		return parseMySQLDSN(dsn)
	}
	return DSN{}, fmt.Errorf("driver %q is not one of a server: want postgres or mysql", driver)
}

// Hide returns err without the secrets of the DSN in its text.
func (d DSN) Hide(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, secret := range d.secrets {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return &hiddenError{text: text, cause: err}
}

// hiddenError is an error whose own text is not to be shown.
type hiddenError struct {
	text  string
	cause error
}

func (e *hiddenError) Error() string        { return e.text }
func (e *hiddenError) Is(target error) bool { return errors.Is(e.cause, target) }

func isPostgresURL(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// isPostgresPairs tells a DSN of the form key=value.
func isPostgresPairs(dsn string) bool {
	return strings.Contains(dsn, "host=") || strings.Contains(dsn, "dbname=")
}

func parsePostgresDSN(dsn string) (DSN, error) {
	cfg, err := pq.NewConfig(dsn)
	if err != nil || !isPostgresURL(dsn) && !isPostgresPairs(dsn) {
		return DSN{}, errPostgresDSN
	}
	secrets := []string{cfg.Password}
	if u, err := url.Parse(dsn); err == nil && u.User != nil {
		_, written, _ := strings.Cut(u.User.String(), ":")
		secrets = append(secrets, written) // as it stands in the DSN, with its escapes
	}
	return newDSN("postgres", net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))+"/"+cfg.Database, secrets...), nil
}

func parseMySQLDSN(dsn string) (DSN, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil || cfg.DBName == "" {
		return DSN{}, errMySQLDSN
	}
	return newDSN("mysql", cfg.Addr+"/"+cfg.DBName, cfg.Passwd), nil
}

func newDSN(driver, where string, secrets ...string) DSN {
	secrets = slices.DeleteFunc(secrets, func(s string) bool { return s == "" })
	// The longest first: one secret may be a part of another.
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return DSN{Driver: driver, Where: where, secrets: secrets}
}
