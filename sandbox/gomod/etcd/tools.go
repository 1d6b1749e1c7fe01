//go:build tools

// Package tools names the command this module pins, so that `go mod tidy` keeps all it needs.
package tools

import _ "go.etcd.io/etcd/server/v3"
