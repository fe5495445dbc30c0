package store

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"

	"maelstrom/cluster"
)

// Of each source the newest deliveriesKept deliveries are kept, and all of the
// last deliveriesAge; pruned at one delivery in pruneDeliveries.
const (
	deliveriesKept  = 50
	deliveriesAge   = 24 * time.Hour
	pruneDeliveries = 16
)

// AddDelivery keeps a call of a webhook, with the database's time. Not fresh:
// the source has had a delivery of that id, and nothing was stored. An id is
// known as long as its row is kept.
func (s *Store) AddDelivery(ctx context.Context, d cluster.Delivery) (fresh bool, err error) {
	if err := checkKeys(d.Source); err != nil {
		return false, fmt.Errorf("add delivery: %w", err)
	}
	key, claim := digest(d.Source, d.ID), cluster.NewID()
	_, err = s.write(ctx, writeOptions{}, func(t *tx) error { return t.addDelivery(ctx, d, key, claim) })
	if s.dialect.classify(err) == classUnique {
		// Ours, if the commit that made it was in doubt.
		var first string
		err = s.reader.QueryRowContext(ctx, s.dialect.rebind(`select claim from mael_delivery where digest = ?`), key).Scan(&first)
		if err == nil {
			return first == claim, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("add delivery to %s: %w", d.Source, err)
	}
	return true, nil
}

func (t *tx) addDelivery(ctx context.Context, d cluster.Delivery, key, claim string) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	d.Time = now
	body, err := encode(d)
	if err != nil {
		return err
	}
	t.changed(cluster.ChangeDelivery, d.Source)
	err = t.insert(ctx, "mael_delivery", []string{"digest", "source", "received_at", "claim", "body"},
		[][]any{{key, d.Source, micros(now), claim, body}})
	if err != nil || rand.N(pruneDeliveries) > 0 {
		return err
	}
	return t.pruneDeliveries(ctx, d.Source, now)
}

func (t *tx) pruneDeliveries(ctx context.Context, source string, now time.Time) error {
	var cut int64
	err := t.row(ctx, `select received_at from mael_delivery where source = ? order by received_at desc limit 1 offset ?`, source, deliveriesKept).Scan(&cut)
	if err == sql.ErrNoRows {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = t.put(ctx, "mael_delivery", `delete from mael_delivery where source = ? and received_at <= ?`,
		source, min(cut, micros(now.Add(-deliveriesAge))))
	return err
}

// Deliveries returns the newest calls of a source's webhook, newest first.
func (s *Store) Deliveries(ctx context.Context, source string, limit int) (deliveries []cluster.Delivery, err error) {
	err = s.read(ctx, func(t *tx) error {
		deliveries, err = t.deliveries(ctx, source, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read deliveries to %s: %w", source, err)
	}
	return deliveries, nil
}

func (t *tx) deliveries(ctx context.Context, source string, limit int) (deliveries []cluster.Delivery, err error) {
	err = t.each(ctx, func(rows *sql.Rows) error {
		var body string
		if err := rows.Scan(&body); err != nil {
			return err
		}
		var d cluster.Delivery
		err := decode(body, &d)
		deliveries = append(deliveries, d)
		return err
	}, `select body from mael_delivery where source = ? order by received_at desc, digest limit ?`, source, limit)
	return deliveries, err
}
