"""Tests of collectors.kubelet."""
