"""Tests of one part each, of the Python side."""
