"""The embedded commands on CPython: what each does, and that every recorded script runs over them."""
