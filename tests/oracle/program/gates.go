package main

import (
	"maps"

	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"
)

// touched are the gates that some scenario of this process has set, with their defaults.
var touched = map[string]bool{}

// setGates sets these gates, and all others to their defaults. Gates that this version does not have are passed over.
func setGates(gates map[string]bool) error {
	known := map[string]bool{}
	for name, on := range gates {
		if value, exists := defaultGates()[name]; exists {
			touched[name] = value
			known[name] = on
		}
	}
	if len(touched) == 0 {
		return nil
	}
	wanted := maps.Clone(touched)
	maps.Copy(wanted, known)
	return utilfeature.DefaultMutableFeatureGate.SetFromMap(wanted)
}

var gateDefaults map[string]bool

func defaultGates() map[string]bool {
	if gateDefaults == nil {
		gateDefaults = map[string]bool{}
		for name, spec := range utilfeature.DefaultMutableFeatureGate.GetAll() {
			if spec.PreRelease != featuregate.PreAlpha {
				gateDefaults[string(name)] = spec.Default
			}
		}
	}
	return gateDefaults
}
