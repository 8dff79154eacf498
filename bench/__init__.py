"""Benchmarks that anyone can run: each prints what it measured, with what, and whether it is within its limits."""
