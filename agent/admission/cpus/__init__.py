"""The rules of the CPU manager."""
