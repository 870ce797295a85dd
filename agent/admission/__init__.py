"""What the kubelet of a node does with a pod, as pure functions: would it admit it, and what would the pod get.

The rules are those of Kubernetes 1.37's kubelet, with older versions' differences as named switches (`versions.py`).
The kubelet's own code, run by a small program under tests/oracle, is what they are compared with.
"""
