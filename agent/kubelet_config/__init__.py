"""A kubelet's configuration: a right one for this machine, and whether a kubelet starts with a given one.

Pure: no clock, no files, no network. The rules are those of Kubernetes 1.37's kubelet; what differs in older versions
stands in `versions.py`. A real kubelet is what they are compared with (tests/e2e/test_kubelet_config.py).
"""
