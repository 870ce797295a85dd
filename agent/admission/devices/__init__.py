"""The rules of the device manager."""
