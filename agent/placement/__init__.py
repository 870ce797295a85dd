"""Who holds what: from the facts of one snapshot to one ledger of every NUMA node's CPUs, memory and devices.

Pure: no files, no sockets, no clock, no log, no settings. Of our own code it sees only `collectors.model`. It decides
nothing about how a ledger is shown or published, and it never hides a doubt: what is inferred, what lies on no known
node and what contradicts itself is said beside the figures.
"""
