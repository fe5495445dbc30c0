package daemon

import (
	"context"
	"fmt"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store"
)

// The offset between this node's clock and the database's from which people
// should know: cron follows the database, logs and containers this node.
const (
	offsetWarning = time.Second
	offsetFailure = time.Minute
)

func (d *doctor) database(ctx context.Context) []rpc.Check {
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	start := time.Now()
	if err := d.store.Ping(ctx); err != nil {
		return append([]rpc.Check{failed("database", err.Error(), d.databaseAdvice()),
			skipped("database.schema", "the database does not answer"), skipped("database.writable", "the database does not answer")}, d.databaseTLS()...)
	}
	answered := passed("database", "%s answers within %s", d.opt.SQLDriver, time.Since(start).Round(time.Microsecond))
	if at := d.declared.gate.passage(); at != (passage{}) {
		answered = warning("database", "this node moves to "+at.driver, (&movingError{at}).Error())
	}
	return append([]rpc.Check{answered, d.schema(ctx), d.writable(ctx)}, d.databaseTLS()...)
}

// databaseTLS tells whether what goes to the database can be read on its way:
// secrets of sources are in it, and hashes of tokens.
func (d *doctor) databaseTLS() []rpc.Check {
	const name = "database.tls"
	dsn, err := store.ParseDSN(d.opt.SQLDriver, d.opt.SQLDSN)
	switch {
	case err != nil: // it is a file
		return nil
	case dsn.Clear:
		return []rpc.Check{failed(name, dsn.Where+" is on another machine, and MAEL_SQL_DSN allows to talk to it unencrypted", clearAdvice)}
	}
	return []rpc.Check{passed(name, "the database is on this machine, or is talked to over TLS alone")}
}

// clearAdvice is for who talks to a database unencrypted.
const clearAdvice = "put sslmode=verify-full (PostgreSQL) or tls=true (MySQL, MariaDB) into MAEL_SQL_DSN, and restart"

func (d *doctor) databaseAdvice() string {
	if d.embedded() {
		return "look at the file " + d.databasePath() + " and the disk below it; maelctl admin restore puts a backup in its place"
	}
	return "check that the server runs, that this machine reaches it, and MAEL_SQL_DSN"
}

func (d *doctor) schema(ctx context.Context) rpc.Check {
	version, newest, err := d.store.SchemaVersion(ctx)
	switch {
	case err != nil:
		return failed("database.schema", err.Error(), d.databaseAdvice())
	case version > newest:
		return warning("database.schema", fmt.Sprintf("version %d, newer than the %d of this release", version, newest), "install the newer release on this node too")
	case version < newest:
		return failed("database.schema", fmt.Sprintf("version %d of %d", version, newest), "the migration has not gone through: see the daemon's log for migrate store, and the account's privileges to create tables")
	}
	return passed("database.schema", "version %d, the newest of this release", version)
}

func (d *doctor) writable(ctx context.Context) rpc.Check {
	start := time.Now()
	if err := d.store.CheckWritable(ctx); err != nil {
		return failed("database.writable", err.Error(), d.databaseAdvice()+"; a full disk, a read-only replica and missing privileges refuse writes")
	}
	return passed("database.writable", "a durable commit took %s", time.Since(start).Round(time.Microsecond))
}

// clock compares this node's time with the database's, and asks the kernel
// whether anything keeps it right.
func (d *doctor) clock(ctx context.Context) []rpc.Check {
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	return []rpc.Check{d.offset(ctx), kernelClock()}
}

func (d *doctor) offset(ctx context.Context) rpc.Check {
	const name = "clock.offset"
	if d.embedded() {
		return passed(name, "the database has this node's clock")
	}
	before := time.Now()
	there, err := d.store.Now(ctx)
	if err != nil {
		return skipped(name, "the database does not answer")
	}
	return judgeOffset(name, there.Sub(before.Add(time.Since(before)/2)))
}

func judgeOffset(name string, offset time.Duration) rpc.Check {
	const advice = "run a time service (chrony, systemd-timesyncd) on this machine and on the database's"
	found := fmt.Sprintf("the database's clock is %s from this node's", offset.Round(time.Millisecond))
	switch {
	case offset.Abs() >= offsetFailure:
		return failed(name, found, advice)
	case offset.Abs() >= offsetWarning:
		return warning(name, found, advice)
	}
	return passed(name, "%s", found)
}
