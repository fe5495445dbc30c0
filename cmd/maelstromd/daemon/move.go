package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store"
)

// targetAnswer bounds the first answer of a server to move to.
const targetAnswer = 15 * time.Second

// mover moves the database of a single node to a server, while it runs.
// Declarations wait for nobody: they are refused from the first moment of the
// copy on. What containers and schedules do goes on in the file; the start on
// the server copies that once more, see Daemon.arrive.
type mover struct {
	*Daemon
	gate *gate

	mu     sync.Mutex
	tables []store.CopiedTable // of the last copy
}

// Migrate implements rpc.Mover.
func (m *mover) Migrate(ctx context.Context, req rpc.MigrateRequest) (rpc.MigrateAnswer, error) {
	if !m.embedded() {
		return rpc.MigrateAnswer{}, &rpc.Error{Kind: rpc.KindConflict, Message: fmt.Sprintf("this node is on %s already: its own tools move it to another server", m.opt.SQLDriver)}
	}
	dsn, err := store.ParseDSN(req.Driver, req.DSN)
	if err != nil {
		return rpc.MigrateAnswer{}, &rpc.Error{Kind: rpc.KindInvalid, Message: err.Error()}
	}
	target, err := store.Open(ctx, store.Options{Driver: req.Driver, DSN: req.DSN, Logger: m.part("move")})
	if err != nil {
		return rpc.MigrateAnswer{}, &rpc.Error{Kind: rpc.KindInvalid, Message: dsn.Hide(err).Error()}
	}
	answer := rpc.MigrateAnswer{Driver: req.Driver, Database: dsn.Where, DryRun: req.DryRun}
	err = m.migrate(ctx, target, &answer)
	if err = errors.Join(err, target.Close()); err != nil {
		return rpc.MigrateAnswer{}, hide(dsn, err)
	}
	return answer, nil
}

// hide keeps the DSN's secrets out of an answer and of the log.
func hide(dsn store.DSN, err error) error {
	var known *rpc.Error
	hidden := dsn.Hide(err)
	switch {
	case errors.As(err, &known):
		shown := *known
		shown.Message = dsn.Hide(known).Error()
		return &shown
	case errors.Is(err, store.ErrNotEmpty):
		return &rpc.Error{Kind: rpc.KindConflict, Message: hidden.Error() + ": make an empty database for it"}
	}
	return hidden
}

func (m *mover) migrate(ctx context.Context, target *store.Store, answer *rpc.MigrateAnswer) (err error) {
	first, cancel := context.WithTimeout(ctx, targetAnswer)
	defer cancel()
	if err := target.Ping(first); err != nil {
		return &rpc.Error{Kind: rpc.KindUnavailable, Message: fmt.Sprintf("%s does not answer: %v", answer.Database, err)}
	}
	if answer.ClusterID, err = m.store.ClusterID(ctx); err != nil {
		return err
	}
	tables, err := m.store.Tables(ctx)
	if err == nil {
		err = target.CheckTarget(ctx, answer.ClusterID, tables)
	}
	if err == nil && !answer.DryRun {
		tables, err = m.move(ctx, target, answer)
	}
	answer.Tables = wireTables(tables)
	for _, t := range tables {
		answer.Rows += t.Rows
	}
	return err
}

// move copies, and marks the file as left once the copy is complete.
func (m *mover) move(ctx context.Context, target *store.Store, answer *rpc.MigrateAnswer) ([]store.CopiedTable, error) {
	earlier, err := m.gate.close(answer.Driver)
	if err != nil {
		return nil, &rpc.Error{Kind: rpc.KindConflict, Message: err.Error()}
	}
	m.log.Info("moving to a server", "driver", answer.Driver, "database", answer.Database)
	tables, err := m.copyTo(ctx, target, answer)
	if err != nil {
		m.gate.set(earlier)
		m.log.Warn("not moved", "driver", answer.Driver)
		return nil, err
	}
	m.gate.set(passage{rpc.MigrateMoved, answer.Driver})
	m.log.Info("moved: nothing can be declared until the restart on the server", "driver", answer.Driver, "database", answer.Database)
	return tables, nil
}

func (m *mover) copyTo(ctx context.Context, target *store.Store, answer *rpc.MigrateAnswer) ([]store.CopiedTable, error) {
	if err := target.Migrate(ctx, m.node); err != nil {
		return nil, err
	}
	path, err := m.store.Path(ctx)
	if err != nil {
		return nil, err
	}
	mark := store.Move{ID: cluster.NewID(), Driver: answer.Driver, Node: m.node, Source: path, At: time.Now().UTC()}
	m.forget()
	tables, err := m.store.CopyTo(ctx, target, store.CopyOptions{Move: mark, Progress: m.progress})
	if err != nil {
		return nil, err
	}
	// Last, so that a copy that broke off has changed nothing here.
	if err := m.store.MarkLeft(ctx, mark); err != nil {
		return nil, err
	}
	answer.MovedAt = &mark.At
	return tables, nil
}

// CancelMigrate implements rpc.Mover.
func (m *mover) CancelMigrate(ctx context.Context) (rpc.MigrateCancelAnswer, error) {
	at := m.gate.passage()
	switch at.state {
	case rpc.MigrateMoved:
	case rpc.MigrateCopying:
		return rpc.MigrateCancelAnswer{}, &rpc.Error{Kind: rpc.KindConflict, Message: errCopying.Error() + ": interrupt maelctl admin migrate where it runs"}
	default:
		return rpc.MigrateCancelAnswer{}, &rpc.Error{Kind: rpc.KindNotFound, Message: "this node is not about to move"}
	}
	if err := m.store.Unmark(ctx); err != nil {
		return rpc.MigrateCancelAnswer{}, err
	}
	m.gate.set(passage{})
	m.log.Info("move called off", "driver", at.driver)
	return rpc.MigrateCancelAnswer{Driver: at.driver}, nil
}

// MigrateStatus implements rpc.Mover.
func (m *mover) MigrateStatus() rpc.MigrateStatus {
	at := m.gate.passage()
	if at.state == "" {
		at.state = rpc.MigrateNone
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return rpc.MigrateStatus{State: at.state, Driver: at.driver, Tables: wireTables(m.tables)}
}

func (m *mover) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tables = nil
}

func (m *mover) progress(table store.CopiedTable) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.tables, func(t store.CopiedTable) bool { return t.Table == table.Table })
	if i < 0 {
		m.tables = append(m.tables, table)
		return
	}
	m.tables[i] = table
}

func wireTables(tables []store.CopiedTable) []rpc.MigratedTable {
	list := make([]rpc.MigratedTable, len(tables))
	for i, t := range tables {
		list[i] = rpc.MigratedTable(t)
	}
	return list
}
