"""The source `postgres` and `avap db` against a real server."""
