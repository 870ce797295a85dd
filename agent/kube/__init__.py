"""The API server: one small asynchronous client. Only `agent.publish` and `agent.sources` may use it.

It speaks JSON and knows no kinds: paths and objects come from its users.
"""
