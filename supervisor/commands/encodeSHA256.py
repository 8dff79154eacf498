# /// command
# description = "SHA-256 of a text."
# type = "function"
# interface = [
#   { item = "SourceVariable", type = "var" },
#   { item = "TargetVariable", type = "var" },
# ]
# ///
# The text of the variable that the argument names, else the argument's own. A variable that holds no text raises.
from hashlib import sha256

properties = task["properties"]
values = list(properties.values())
source = str(properties.get("SourceVariable") or (values[0] if len(values) > 0 else None)).strip()
target = str(properties.get("TargetVariable") or (values[1] if len(values) > 1 else None)).strip()
variables = self.conector.variables
frame = getattr(self.conector, "local_vars", {})

value = source
if source in variables:
    value = variables[source]
elif source in frame:
    value = frame[source]

variables[target] = sha256(value.encode("utf-8")).hexdigest()
