# /// command
# description = "Read the last error and stop protecting."
# type = "function"
# interface = [
#   { item = "error", type = "var" },
# ]
# ///
# The text goes to the assignment's target and to the variable that the argument names. A number names none.
properties = task["properties"]
variables = self.conector.variables
message = variables.get("__last_error__") or "No error detected"
name = properties.get("error")
context = task.get("context")

if context:
    variables[context] = message
if name and isinstance(name, str):
    variables[name] = message

self.conector.try_level -= 1
