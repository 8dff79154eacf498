"""The whole appliance: real processes, real clients, real faults."""
