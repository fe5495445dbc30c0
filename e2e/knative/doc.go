// Package knative holds the arithmetic of our autoscaler against Knative's own,
// second by second. Where the two shall differ is listed in
// docs/autoscaling-knative.md.
package knative
