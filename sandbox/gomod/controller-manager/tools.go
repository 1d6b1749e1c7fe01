//go:build tools

// Package tools names the command this module pins, so that `go mod tidy` keeps all it needs.
package tools

import _ "k8s.io/kubernetes/cmd/kube-controller-manager"
