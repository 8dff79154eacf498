"""The AVAP VM against CPython."""
