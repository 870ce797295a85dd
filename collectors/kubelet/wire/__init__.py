"""The kubelet's messages as bytes: our own .proto files, in which only what we use has a name, and the Python made of them.

`make proto` compiles them; what it writes is checked in, so that an installation needs no compiler. What the kubelet
sends beyond these fields is never decoded.
"""
