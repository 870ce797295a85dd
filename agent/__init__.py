"""The upper floor: schedules the collectors, derives views from their facts, serves and publishes them.

It may import `collectors`; nothing in `collectors` may import it.
"""

__version__ = "0.1.0"
