//go:build kubernetes_1_34

package main

import (
	_ "unsafe" // for go:linkname

	"k8s.io/kubernetes/pkg/kubelet/cm/devicemanager"
	"k8s.io/kubernetes/pkg/kubelet/cm/topologymanager"
)

// What the compiler must know of Kubernetes 1.31 to 1.34, beside form_before_1_37.go.

//go:linkname devicesManager k8s.io/kubernetes/pkg/kubelet/cm/devicemanager.newManagerImpl
func devicesManager(socket string, topology []Node, store topologymanager.Store) (*devicemanager.ManagerImpl, error)
