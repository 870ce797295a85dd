"""The lower floor: reads one machine and hands back facts.

Nothing here may know an API server, an HTTP server, Prometheus or a terminal, and nothing here may import
`agent`. Only `hostfs` opens files under /sys and /proc.
"""
