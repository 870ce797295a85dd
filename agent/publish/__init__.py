"""Keeps what is at the API server equal to what it should be. Only this package writes there.

It knows nothing of machines and kubelets: it takes wanted objects as they are, and never takes an object away because
nothing is known. The one thing that it stores is in the cluster.
"""
