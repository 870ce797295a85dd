"""The live picture of this node's kubelet: what it says, kept up to date. It speaks to the network through
`agent.sources` alone, and publishes nothing."""
