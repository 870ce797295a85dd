"""Stand-ins at our own seams: what the product asks of the world, answered from memory."""
