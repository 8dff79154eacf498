"""The parent process: sources, hydration, publishing, worker life cycle, metrics and the admin socket.

`supervisor/commands/` is not a package: it holds the embedded commands, one file each, read as text by
`supervisor.sources.embedded` and never imported.
"""
