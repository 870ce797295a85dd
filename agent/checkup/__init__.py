"""Looks at a machine, its kubelet and its cluster once, for `numascope doctor`. What it sees is judged in agent.views."""
