"""The API server: one small asynchronous client. `agent.publish` and `agent.sources` speak through it; what runs
the agent or a command only opens it.

It speaks JSON and knows no kinds: paths and objects come from its users.
"""
