"""Compares agent.admission with the kubelet's own code (program/, in Go) over random scenarios: README.md."""
