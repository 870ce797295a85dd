"""What sits where, as it is: per pod and container the NUMA nodes of its CPUs, memory and devices, how far these are
apart, what its cgroup really leaves to it, and where its pages lie.

Pure: no files, no sockets, no clock, no log, no settings. Of our own code it sees only `collectors.model` and
`agent.placement`. Unknown stays unknown: a device of which nobody knows the node makes nothing aligned, and nothing
misaligned.
"""
