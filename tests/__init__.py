"""Tests of what crosses a border: the whole appliance, its faults, foreign clients."""
