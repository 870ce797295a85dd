"""Mutated machines: whatever is done to the files of one, a survey neither fails nor hangs nor invents a fact.

`python -m tests.fuzz` runs trees until a number is reached; every tree has a seed of its own and can be run again.
"""
