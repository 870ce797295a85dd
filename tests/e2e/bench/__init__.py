"""How fast, how quiet and how small the agent is beside a real kubelet. `make bench-e2e` runs it."""
