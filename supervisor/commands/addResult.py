# /// command
# description = "Put a shared variable into the response's result."
# type = "function"
# interface = [
#   { item = "sourceVariable", type = "variable" },
# ]
# ///
# An undefined variable is null. A name added twice keeps its first place and takes the last value.
name = task["properties"]["sourceVariable"]
self.conector.results[name] = self.conector.variables.get(name)
