package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
)

// The newest eventsKept events are kept, as long as they are no older than
// eventsAge. Like the change log they are pruned once in pruneEvery changes.
const (
	eventsKept = 20_000
	eventsAge  = 90 * 24 * time.Hour
)

// eventsPerChange is how many events a transaction can have. Ids grow as
// commits do.
const eventsPerChange = cluster.EventsPerChange

var eventColumns = []string{"id", "happened_at", "kind", "severity", "source", "project", "component", "node", "revision", "actor", "message", "details"}

// AddEvents stores events with the database's time. Many are more than one
// transaction.
func (s *Store) AddEvents(ctx context.Context, events []cluster.Event) error {
	for group := range slices.Chunk(events, eventsPerChange) {
		_, err := s.write(ctx, writeOptions{}, func(t *tx) error {
			for _, e := range group {
				t.event(e)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("add events: %w", err)
		}
	}
	return nil
}

// Events returns the events that a query selects, oldest first.
func (s *Store) Events(ctx context.Context, q cluster.EventQuery) (events []cluster.Event, err error) {
	query, args := selectEvents(q)
	err = s.read(ctx, func(t *tx) error {
		events = nil
		return t.each(ctx, func(rows *sql.Rows) error {
			e, err := scanEvent(rows)
			events = append(events, e)
			return err
		}, query, args...)
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	if q.After <= 0 {
		slices.Reverse(events)
	}
	return events, nil
}

// selectEvents reads on from After, or back from the newest.
func selectEvents(q cluster.EventQuery) (query string, args []any) {
	var conditions []string
	where := func(condition string, values ...any) {
		conditions = append(conditions, condition)
		args = append(args, values...)
	}
	order := "id desc"
	if q.After > 0 {
		order = "id"
		where("id > ?", q.After)
	}
	if !q.Since.IsZero() {
		where("happened_at >= ?", micros(q.Since))
	}
	if len(q.Kinds) > 0 {
		kinds := make([]any, len(q.Kinds))
		for i, k := range q.Kinds {
			kinds[i] = string(k)
		}
		where("kind in "+marks(len(kinds)), kinds...)
	}
	for _, about := range [][2]string{{"source", q.Source}, {"project", q.Project}, {"component", q.Component}, {"node", q.Node}} {
		if about[1] != "" {
			where(about[0]+" = ?", about[1])
		}
	}
	query = `select ` + strings.Join(eventColumns, ", ") + ` from mael_event`
	if len(conditions) > 0 {
		query += ` where ` + strings.Join(conditions, " and ")
	}
	return query + ` order by ` + order + ` limit ?`, append(args, cmp.Or(max(q.Limit, 0), cluster.DefaultEvents))
}

func scanEvent(rows *sql.Rows) (e cluster.Event, err error) {
	var happened int64
	var details string
	err = rows.Scan(&e.ID, &happened, &e.Kind, &e.Severity, &e.Source, &e.Project, &e.Component, &e.Node,
		&e.Revision, &e.Actor, &e.Message, &details)
	e.Time = moment(happened)
	if details != "" {
		e.Details = json.RawMessage(details)
	}
	return e, err
}

// event declares that something happened. It is stored with the change's
// number, if the transaction commits.
func (t *tx) event(e cluster.Event) { t.events = append(t.events, e) }

// addEvents stores the declared events, once the change has its number.
func (t *tx) addEvents(ctx context.Context) error {
	if len(t.events) == 0 {
		return nil
	}
	if len(t.events) > eventsPerChange {
		return fmt.Errorf("add events: %d are more than %d", len(t.events), eventsPerChange)
	}
	rows := make([][]any, len(t.events))
	for i, e := range t.events {
		rows[i] = []any{t.number*eventsPerChange + int64(i), micros(t.clock), string(e.Kind),
			string(cmp.Or(e.Severity, cluster.EventInfo)), text(e.Source), text(e.Project), text(e.Component), text(e.Node),
			text(e.Revision), text(e.Actor), text(e.Message), text(string(e.Details))}
	}
	if err := t.insert(ctx, "mael_event", eventColumns, rows); err != nil {
		return fmt.Errorf("add events: %w", err)
	}
	return nil
}

// pruneEvents drops the events that are too many or too old, and deliveries to
// sources that have gone meanwhile.
func (t *tx) pruneEvents(ctx context.Context, kept int) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	var cut int64
	err = t.row(ctx, `select id from mael_event order by id desc limit 1 offset ?`, kept).Scan(&cut)
	if err != nil && err != sql.ErrNoRows {
		return err
	}
	_, err = t.put(ctx, "mael_event", `delete from mael_event where id <= ? or happened_at < ?`, cut, micros(now.Add(-eventsAge)))
	if err != nil {
		return err
	}
	_, err = t.put(ctx, "mael_delivery", `delete from mael_delivery where source not in (select name from mael_source)`)
	return err
}
