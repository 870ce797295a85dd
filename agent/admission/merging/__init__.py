"""How the topology manager makes one hint of many."""
