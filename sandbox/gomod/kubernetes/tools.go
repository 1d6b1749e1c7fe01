//go:build tools

// Package tools names the commands this module pins, so that `go mod tidy` keeps all they need.
package tools

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
