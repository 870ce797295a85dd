"""Facts about pods, drawn at random, and the same pods as the kubelet and the API server write them."""
