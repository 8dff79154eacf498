"""The units under systemd's own tools: nothing is installed or started."""
