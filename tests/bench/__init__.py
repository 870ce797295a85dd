"""Figures that the project is held to: `python -m tests.bench` measures them on this machine and says which hold."""
