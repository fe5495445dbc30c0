package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"
)

// PostgreSQL: the time-outs are backstops against a writer that froze with
// locks held. They are set per transaction, for a session may be another
// after each one behind a pooler.
var postgresDialect = &dialect{
	name:     "postgres",
	open:     openPostgres,
	numbered: true,
	writes:   sql.TxOptions{Isolation: sql.LevelReadCommitted},
	reads:    sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	begin: fmt.Sprintf(`set local lock_timeout = %d; set local idle_in_transaction_session_timeout = %d`,
		lockTimeout.Milliseconds(), idleTimeout.Milliseconds()),
	clock:    `select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)`,
	classify: classifyPostgres,
}

func openPostgres(_ context.Context, dsn string) (writer, reader *sql.DB, err error) {
	cfg, err := postgresConfig(dsn)
	if err != nil {
		return nil, nil, err
	}
	db := pool(sql.OpenDB(postgresConnector{cfg}))
	return db, db, nil
}

func postgresConfig(dsn string) (pq.Config, error) {
	cfg, err := pq.NewConfig(dsn)
	if err != nil {
		var notURL *url.Error
		if errors.As(err, &notURL) || strings.Contains(err.Error(), "connection info string") {
			err = errors.New("neither a URL nor words of the form name=value") // its own text shows a password
		}
		return cfg, fmt.Errorf("parse DSN: %w", err)
	}
	// Without a prepared statement there is nothing that a pooler could send
	// to another session.
	cfg.BinaryParameters = true
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	// Of several hosts the one that can be written to is ours.
	if len(cfg.Multi) > 0 && cfg.TargetSessionAttrs == "" {
		cfg.TargetSessionAttrs = pq.TargetSessionAttrsReadWrite
	}
	return cfg, nil
}

// postgresConnector gives each connection a dialer of its own.
type postgresConnector struct{ cfg pq.Config }

// Connect implements driver.Connector.
func (c postgresConnector) Connect(ctx context.Context) (driver.Conn, error) {
	connector, err := pq.NewConnectorConfig(c.cfg)
	if err != nil {
		return nil, err
	}
	d := &postgresDialer{}
	connector.Dialer(d)
	stop := context.AfterFunc(ctx, d.giveUp) // the driver looks at ctx no more once it has dialed
	defer stop()
	conn, err := connector.Connect(ctx)
	d.connected()
	return conn, err
}

// Driver implements driver.Connector.
func (c postgresConnector) Driver() driver.Driver { return &pq.Driver{} }

// postgresDialer dials for one connection. When the context of a statement
// ends, the driver dials once more, to ask for it to be cancelled, and goes on
// waiting for the answer to the statement; it won't come from a server that
// hangs, so the wait gets a deadline.
type postgresDialer struct {
	mu   sync.Mutex
	conn *impatientConn
	up   bool
}

func (d *postgresDialer) connected() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.up = true
}

func (d *postgresDialer) giveUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil && !d.up {
		d.conn.SetDeadline(time.Now())
	}
}

// DialContext implements pq.DialerContext.
func (d *postgresDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	up := d.up
	d.mu.Unlock()
	if up {
		if err := d.conn.SetDeadline(time.Now().Add(cancelGrace)); err != nil {
			return nil, err
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, cancelGrace)
		defer cancel()
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	impatient := &impatientConn{Conn: conn}
	if !up {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.conn = impatient
	}
	return impatient, nil
}

// Dial implements pq.Dialer.
func (d *postgresDialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialTimeout implements pq.Dialer.
func (d *postgresDialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

func classifyPostgres(err error) errorClass {
	var e *pq.Error
	if !errors.As(err, &e) {
		return classifyConnection(err)
	}
	switch code := string(e.Code); code {
	case "23505", "42710", "42P07": // a row, or a table that another program has just made
		return classUnique
	case "42701": // a column
		return classThere
	case "42P01":
		return classNoTable
	case "40001", "40P01", "55P03": // serialisation failure, deadlock, lock time-out
		return classConflict
	case "25P03", "57P01", "57P02", "57P03", "57P05", "53300": // idle too long, shutting down, starting, full
		return classLost
	case "25006", "0A000": // a replica after a failover: it can't write, nor begin to
		return classLost
	default:
		if strings.HasPrefix(code, "08") {
			return classLost
		}
	}
	return classOther
}
