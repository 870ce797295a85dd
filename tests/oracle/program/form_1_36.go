//go:build kubernetes_1_36

package main

import (
	_ "unsafe" // for go:linkname

	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/kubelet/cm/devicemanager"
	"k8s.io/kubernetes/pkg/kubelet/cm/topologymanager"
)

// What the compiler must know of Kubernetes 1.35 and 1.36, beside form_before_1_37.go.

//go:linkname devicesManager k8s.io/kubernetes/pkg/kubelet/cm/devicemanager.newManagerImpl
func devicesManager(logger klog.Logger, socket string, topology []Node, store topologymanager.Store) (*devicemanager.ManagerImpl, error)
