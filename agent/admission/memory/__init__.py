"""The rules of the memory manager."""
