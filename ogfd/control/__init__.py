"""
The daemon's doors: health, metrics and, on a unix socket, operations.

Import from the modules: the command line needs the client without the server.
"""
