"""The arena: versions of the catalogue in shared memory, and the pages that announce them.

This folder holds Rust only (crate ``shm_catalog``). Python reaches it through
``appliance._native``: ``SegmentBuilder``, ``Segment``, ``Announcer``, ``WorkerSlots`` and the
``snapshot_*`` functions.
"""
