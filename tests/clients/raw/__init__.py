"""A client of the appliance that knows no `.proto`: bytes in, bytes out.

It is run as `python -m tests.clients.raw INPUT.json`; input and output are described in ../README.md.
"""
