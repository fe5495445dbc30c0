package store

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
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
	Clear  bool   // it leaves this machine, and may do so unencrypted

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
	d := newDSN("postgres", net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))+"/"+cfg.Database, secrets...)
	d.Clear = postgresClear(cfg)
	return d, nil
}

func postgresClear(cfg pq.Config) bool {
	switch cfg.SSLMode {
	case pq.SSLModeDisable, pq.SSLModeAllow, pq.SSLModePrefer: // the last as whoever is in between likes
		return elsewhere(cfg.Host, cfg.Hostaddr) || slices.ContainsFunc(cfg.Multi, func(m pq.ConfigMultihost) bool { return elsewhere(m.Host, m.Hostaddr) })
	}
	return false
}

// elsewhere tells whether a server is not on this machine, as far as its name,
// or the address that stands beside it, tells. A path is a socket.
func elsewhere(host string, addr netip.Addr) bool {
	if !addr.IsValid() {
		addr, _ = netip.ParseAddr(strings.Trim(host, "[]"))
	}
	if addr.IsValid() {
		return !addr.Unmap().IsLoopback()
	}
	return host != "" && host != "localhost" && host[0] != '/' && host[0] != '@'
}

func parseMySQLDSN(dsn string) (DSN, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil || cfg.DBName == "" {
		return DSN{}, errMySQLDSN
	}
	d := newDSN("mysql", cfg.Addr+"/"+cfg.DBName, cfg.Passwd)
	d.Clear = mysqlClear(cfg)
	return d, nil
}

func mysqlClear(cfg *mysql.Config) bool {
	if cfg.Net != "tcp" || cfg.TLS != nil && !cfg.AllowFallbackToPlaintext {
		return false
	}
	host, _, _ := net.SplitHostPort(cfg.Addr) // the driver has added a port
	return elsewhere(host, netip.Addr{})
}

func newDSN(driver, where string, secrets ...string) DSN {
	secrets = slices.DeleteFunc(secrets, func(s string) bool { return s == "" })
	// The longest first: one secret may be a part of another.
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return DSN{Driver: driver, Where: where, secrets: secrets}
}
