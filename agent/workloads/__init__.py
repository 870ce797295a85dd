"""Pods to try out, from manifests as people write them: a Pod, or anything that makes pods from a template.

Text to facts, with what the API server would fill in. Nothing here speaks to a server or looks at a node; `read` alone
opens a file.
"""
