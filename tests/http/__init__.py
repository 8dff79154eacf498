"""The HTTP data plane of the whole appliance, over the wire."""
