"""Captured machines turned into answers in a neutral schema, to be compared with another program's answers.

`make corpus TREES=DIR OUT=DIR` reads every DIR/*.tar.xz and writes one OUT/<tree>.json for each.
"""
