"""What comes over the network, or from files that only a mount shows, about this node's kubelet and its pods."""
