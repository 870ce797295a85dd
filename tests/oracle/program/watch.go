package main

import (
	"errors"
	"math"

	"k8s.io/kubernetes/pkg/kubelet/cm/topologymanager"
)

// errTooMany ends a step before the kubelet's merge would: outside single-numa-node that walks the product of all hints.
var errTooMany = errors.New("more permutations of hints than this oracle waits for")

// maxPermutations is that bound; at some 150 ns each, half a million take less than a tenth of a second.
var maxPermutations uint64 = 500_000

// watch sees the hints that providers hand to the topology manager, and counts what their merge would walk.
type watch struct {
	policy       string
	verbose      bool
	product      uint64
	permutations uint64
	offered      []map[string][]hint
}

func (w *watch) begin() {
	w.product, w.permutations, w.offered = 1, 0, nil
}

// watched is a provider whose hints are seen. The methods that hand them on are in form_*.go.
type watched struct {
	topologymanager.HintProvider
	watch *watch
	first bool
}

func (w watched) seen(ask func() map[string][]topologymanager.TopologyHint) map[string][]topologymanager.TopologyHint {
	if w.first {
		w.watch.product = 1
	}
	hints := ask()
	w.watch.saw(hints)
	return hints
}

// saw counts one provider's hints; after the last provider's the merge follows.
func (w *watch) saw(hints map[string][]topologymanager.TopologyHint) {
	if w.verbose {
		w.offered = append(w.offered, toldAll(hints))
	}
	for _, list := range hints {
		if count := w.merged(list); count > 1 {
			w.product = times(w.product, count)
		}
	}
	w.permutations = max(w.permutations, w.product)
	if w.product > maxPermutations {
		panic(errTooMany)
	}
}

// merged counts the hints that go into the product: under single-numa-node only those of one node do.
func (w *watch) merged(list []topologymanager.TopologyHint) uint64 {
	if w.policy != topologymanager.PolicySingleNumaNode {
		return uint64(len(list))
	}
	var count uint64
	for _, hint := range list {
		if hint.Preferred && hint.NUMANodeAffinity != nil && hint.NUMANodeAffinity.Count() == 1 {
			count++
		}
	}
	return count
}

func times(a, b uint64) uint64 {
	if a > math.MaxUint64/b {
		return math.MaxUint64
	}
	return a * b
}

func told(h topologymanager.TopologyHint) hint {
	out := hint{Preferred: h.Preferred}
	if h.NUMANodeAffinity != nil {
		out.Nodes = h.NUMANodeAffinity.GetBits()
		if out.Nodes == nil {
			out.Nodes = []int{}
		}
	}
	return out
}

func toldAll(hints map[string][]topologymanager.TopologyHint) map[string][]hint {
	all := make(map[string][]hint, len(hints))
	for resource, list := range hints {
		if list == nil {
			all[resource] = nil
			continue
		}
		all[resource] = []hint{}
		for _, h := range list {
			all[resource] = append(all[resource], told(h))
		}
	}
	return all
}
