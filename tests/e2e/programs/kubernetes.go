//go:build kubernetes

// Package programs names the programs of Kubernetes that the test bed builds, so that go.mod pins all they need.
package programs

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubelet"
)
