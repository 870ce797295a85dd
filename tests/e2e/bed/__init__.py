"""The test bed: a real etcd, kube-apiserver and kubelet, on loopback, with a machine of our making under the kubelet.

What is pretended: the container runtime, the device plugins, and /sys/devices/system/{node,cpu}, hugepages,
/proc/cpuinfo and /proc/meminfo as the kubelet sees them in a mount namespace of its own. Everything else is real.
"""
