"""Tests of the supervisor's parts, on real shared memory."""
