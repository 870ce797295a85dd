"""What is asked of the node as a whole, once topology has been agreed on: room, labels, taints, ports."""
