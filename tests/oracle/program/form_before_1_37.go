//go:build kubernetes_1_36 || kubernetes_1_34

package main

import (
	cadvisor "github.com/google/cadvisor/info/v1"
	"github.com/google/cadvisor/utils/sysfs"
	"github.com/google/cadvisor/utils/sysinfo"
	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/kubelet/cm/topologymanager"
)

// What the compiler must know of Kubernetes 1.31 to 1.36.

type (
	MachineInfo = cadvisor.MachineInfo
	Node        = cadvisor.Node
	SysFs       = sysfs.SysFs
	CacheInfo   = sysfs.CacheInfo
)

func discoverNodes(from SysFs) ([]Node, int, error) { return sysinfo.GetNodesInfo(from) }

func (w watched) GetTopologyHints(pod *v1.Pod, container *v1.Container) map[string][]topologymanager.TopologyHint {
	return w.seen(func() map[string][]topologymanager.TopologyHint {
		return w.HintProvider.GetTopologyHints(pod, container)
	})
}

func (w watched) GetPodTopologyHints(pod *v1.Pod) map[string][]topologymanager.TopologyHint {
	return w.seen(func() map[string][]topologymanager.TopologyHint {
		return w.HintProvider.GetPodTopologyHints(pod)
	})
}
