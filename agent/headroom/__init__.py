"""What still fits on this node: the largest pod, by NUMA node and under the node's policy, and what is stranded. Pure.

Nothing is estimated: every figure is a pod that `agent.admission` admits, and one unit more is one that it refuses.
"""
