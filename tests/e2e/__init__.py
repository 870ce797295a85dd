"""Tests against a real kubelet: etcd, kube-apiserver and kubelet on loopback, the kubelet on a synthetic server."""
