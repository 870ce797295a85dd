"""Refused pods: counted, kept as stories, and explained by replaying the kubelet's rules on the state just before.

`classify`, `signatures`, `state` and `explain` are pure: facts in, facts out, no clock and no I/O. `tally` and `stories`
keep a bounded number of things. `keeper` ties them to the running agent; nothing of this package is imported before the
first refused pod is seen.
"""
