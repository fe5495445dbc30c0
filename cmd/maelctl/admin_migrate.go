package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store"
)

// progressPeriod is how often a running copy is asked how far it is.
const progressPeriod = 500 * time.Millisecond

// migrateOptions are the flags of migrate.
type migrateOptions struct {
	to      string
	driver  string
	dryRun  bool
	cancel  bool
	dataDir string
}

func newMigrate(a *app) *cobra.Command {
	var out outputFlags
	var opt migrateOptions
	cmd := &cobra.Command{
		Use:   "migrate (--to DSN | --cancel)",
		Short: "Move a running single node from SQLite to PostgreSQL or MySQL",
		Long: `Move a running single node from SQLite to PostgreSQL or MySQL.

The daemon copies its database, in one transaction, to an empty one. From the
first moment of the copy on it refuses whatever declares something (apply,
restart, tokens, switches), with exit code 5; requests, containers and
schedules go on. Then set MAEL_SQL_DRIVER and MAEL_SQL_DSN and restart it: as it
starts it copies once more what has changed since, adopts its containers, and
goes on as the same node of the same cluster. Until then no other daemon can
start on the server's database, and after it none on the SQLite file.

A copy that broke off has changed nothing: run it again. --cancel calls the move
off, also while the daemon is stopped, and the daemon goes on with SQLite.

The DSN is shown and stored nowhere. On a command line others on this machine
can see it; --to - reads it from standard input.`,
		Example: `  maelctl admin migrate --dry-run --to 'postgres://mael:PASSWORD@db.internal/maelstrom?sslmode=verify-full'
  maelctl admin migrate --to - <dsn.txt
  maelctl admin migrate --driver mysql --to 'mael:PASSWORD@tcp(db.internal:3306)/maelstrom?tls=true'
  maelctl admin migrate --cancel`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&opt.to, "to", "", "the server's DSN, as MAEL_SQL_DSN will have it; - reads it from standard input")
	flags.StringVar(&opt.driver, "driver", "", "postgres or mysql (default: what the DSN looks like)")
	flags.BoolVar(&opt.dryRun, "dry-run", false, "look at both databases and change nothing")
	flags.BoolVar(&opt.cancel, "cancel", false, "call the move off")
	registerDataDir(cmd, &opt.dataDir)
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("driver", cobra.FixedCompletions([]string{"postgres", "mysql"}, cobra.ShellCompDirectiveNoFileComp)))
	out.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case opt.cancel == (opt.to != ""):
			return usagef("name a server by --to, or --cancel")
		case opt.cancel && opt.dryRun:
			return usagef("--dry-run looks at a move, --cancel calls one off")
		case opt.cancel:
			return a.cancelMigrate(cmd.Context(), opt.dataDir, out)
		}
		return a.migrate(cmd.Context(), opt, out)
	}
	return cmd
}

func (a *app) migrate(ctx context.Context, opt migrateOptions, out outputFlags) error {
	req, err := a.migrateRequest(opt)
	if err != nil {
		return err
	}
	client := a.client()
	stop := func() {}
	if !opt.dryRun {
		stop = a.showProgress(ctx, client)
	}
	answer, err := client.Migrate(ctx, req)
	stop()
	if err != nil {
		return a.serverError(err)
	}
	return out.print(a.stdout, document{value: answer, list: "tables", text: func(w io.Writer) error {
		return printMigrated(w, a.outStyle(), answer)
	}})
}

func (a *app) migrateRequest(opt migrateOptions) (rpc.MigrateRequest, error) {
	dsn := opt.to
	if dsn == "-" {
		text, err := io.ReadAll(io.LimitReader(a.stdin, 64<<10))
		if err != nil {
			return rpc.MigrateRequest{}, fmt.Errorf("read the DSN: %w", err)
		}
		dsn = strings.TrimSpace(string(text))
	}
	driver := opt.driver
	if driver == "" {
		guessed, err := store.GuessDriver(dsn)
		if err != nil {
			return rpc.MigrateRequest{}, usagef("--to: %w", err)
		}
		driver = guessed
	}
	if _, err := store.ParseDSN(driver, dsn); err != nil {
		return rpc.MigrateRequest{}, usagef("--to: %w", err)
	}
	return rpc.MigrateRequest{Driver: driver, DSN: dsn, DryRun: opt.dryRun}, nil
}

// showProgress tells on standard error how far the copy is, until it is
// stopped.
func (a *app) showProgress(ctx context.Context, client *rpc.Client) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(progressPeriod)
		defer tick.Stop()
		last := ""
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			status, err := client.MigrateStatus(ctx)
			if err != nil || status.State != rpc.MigrateCopying {
				continue
			}
			if line := progressLine(status.Tables); line != last {
				fmt.Fprintln(a.stderr, line)
				last = line
			}
		}
	}()
	return func() { cancel(); <-done }
}

func progressLine(tables []rpc.MigratedTable) string {
	if len(tables) == 0 {
		return "preparing the server's database"
	}
	t := tables[len(tables)-1]
	return fmt.Sprintf("copying %s: %d of %d rows", t.Table, t.Copied, t.Rows)
}

func printMigrated(w io.Writer, s style, answer rpc.MigrateAnswer) error {
	t := newTable(s, "TABLE", "ROWS")
	for _, table := range answer.Tables {
		t.add(table.Table, fmt.Sprint(table.Rows))
	}
	if err := t.write(w); err != nil {
		return err
	}
	if answer.DryRun {
		_, err := fmt.Fprintf(w, "\n%d rows of cluster %s would be copied to %s (%s), which is ready for them.\nNothing was changed.\n",
			answer.Rows, answer.ClusterID, answer.Database, answer.Driver)
		return err
	}
	_, err := fmt.Fprintf(w, `
Copied %d rows of cluster %s to %s (%s), and compared them.
Nothing can be declared on this node until it is restarted with

  MAEL_SQL_DRIVER=%s
  MAEL_SQL_DSN=the DSN that you gave

Its containers run on and are adopted. To stay on SQLite: maelctl admin migrate --cancel
`, answer.Rows, answer.ClusterID, answer.Database, answer.Driver, answer.Driver)
	return err
}

// cancelMigrate asks the daemon; one that is stopped has its file unmarked
// here.
func (a *app) cancelMigrate(ctx context.Context, flag string, out outputFlags) error {
	answer, err := a.client().CancelMigrate(ctx)
	if transient(err) {
		answer, err = a.unmark(ctx, flag)
	}
	if err != nil {
		return a.serverError(err)
	}
	return out.print(a.stdout, document{value: answer, text: func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "Called off the move to %s. What the server's database holds of it is not used: drop it, or run migrate again.\n", answer.Driver)
		return err
	}})
}

func (a *app) unmark(ctx context.Context, flag string) (answer rpc.MigrateCancelAnswer, err error) {
	dir, err := a.dataDirOr(flag)
	if err != nil {
		return answer, err
	}
	path := filepath.Join(dir, rpc.DatabaseFileName)
	if _, err := os.Stat(path); err != nil {
		return answer, exitWith(exitInvalid, fmt.Errorf("no daemon answers, and there is no database to look at: %w", err))
	}
	lock, err := lockDataDir(dir)
	if err != nil {
		return answer, err
	}
	defer lock.Close()
	s, err := store.Open(ctx, store.Options{Driver: "sqlite", DSN: path})
	if err != nil {
		return answer, err
	}
	defer s.Close()
	move, err := s.Move(ctx)
	if err != nil {
		return answer, err
	}
	if move == nil {
		return answer, exitWith(exitNotFound, fmt.Errorf("%s is not about to move", path))
	}
	return rpc.MigrateCancelAnswer{Driver: move.Driver}, s.Unmark(ctx)
}
