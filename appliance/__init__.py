"""AVAP Appliance: a worker process, the client library, configuration, logging and the `avap` command.

Imports nothing, because a worker process imports this package and must load only its native half.
"""

__version__ = "0.1.0"
