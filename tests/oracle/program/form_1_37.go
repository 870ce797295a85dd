//go:build !kubernetes_1_36 && !kubernetes_1_34

package main

import (
	_ "unsafe" // for go:linkname

	cadvisor "github.com/google/cadvisor/lib/model"
	"github.com/google/cadvisor/lib/utils/sysfs"
	"github.com/google/cadvisor/lib/utils/sysinfo"
	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/kubelet/cm/devicemanager"
	"k8s.io/kubernetes/pkg/kubelet/cm/topologymanager"
	"k8s.io/kubernetes/pkg/kubelet/lifecycle"
)

// What the compiler must know of Kubernetes 1.37. The form of calls is not among it: see version.go.

type (
	MachineInfo = cadvisor.MachineInfo
	Node        = cadvisor.Node
	SysFs       = sysfs.SysFs
	CacheInfo   = sysfs.CacheInfo
)

func discoverNodes(from SysFs) ([]Node, int, error) { return sysinfo.GetNodesInfo(from) }

// The constructor that the kubelet exports listens in /var/lib/kubelet only; this is the one behind it.
//
//go:linkname devicesManager k8s.io/kubernetes/pkg/kubelet/cm/devicemanager.newManagerImpl
func devicesManager(logger klog.Logger, socket string, topology []Node, store topologymanager.Store) (*devicemanager.ManagerImpl, error)

func (w watched) GetTopologyHints(logger klog.Logger, pod *v1.Pod, container *v1.Container, operation lifecycle.Operation) map[string][]topologymanager.TopologyHint {
	return w.seen(func() map[string][]topologymanager.TopologyHint {
		return w.HintProvider.GetTopologyHints(logger, pod, container, operation)
	})
}

func (w watched) GetPodTopologyHints(logger klog.Logger, pod *v1.Pod, operation lifecycle.Operation) map[string][]topologymanager.TopologyHint {
	return w.seen(func() map[string][]topologymanager.TopologyHint {
		return w.HintProvider.GetPodTopologyHints(logger, pod, operation)
	})
}
