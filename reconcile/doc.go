// Package reconcile keeps the database equal to what projects declare: one
// pure planner for `diff` and `apply`, and the Applier that carries a plan out
// in one transaction of the store.
package reconcile
