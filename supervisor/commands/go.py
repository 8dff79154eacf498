# /// command
# description = "Start a function in the background."
# type = "function"
# interface = [
#   { item = "function_name", type = "var" },
#   { item = "args", type = "var" },
# ]
# ///
# An executor starts functions itself and gives the promise's id. This is for one that does not: it says so, and the
# target is null, which gather answers with null.
properties = task["properties"]
name = properties.get("function_name")
context = task.get("context")

print(f"go: this executor starts no functions, {name} was not run")
if context:
    self.conector.variables[context] = None
