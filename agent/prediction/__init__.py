"""Would this node's kubelet admit these pods, and what would they get? Pure: from a snapshot and pods, no I/O.

The rules are those of `agent.admission`; here they are asked one pod after the other.
"""
