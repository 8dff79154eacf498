# /// command
# description = "Length of a list, dict or text."
# type = "function"
# interface = [
#   { item = "SourceVariable", type = "var" },
#   { item = "TargetVariable", type = "var" },
# ]
# ///
# A text that spells a Python literal with a length has that length, another text its number of characters. An
# undefined variable has length 0; a number or null has none and raises.
import ast

properties = task["properties"]
values = list(properties.values())
source = str(properties.get("SourceVariable") or (values[0] if len(values) > 0 else None)).strip()
target = str(properties.get("TargetVariable") or (values[1] if len(values) > 1 else None)).strip()
variables = self.conector.variables
frame = getattr(self.conector, "local_vars", {})

if source in variables:
    value = variables[source]
elif source in frame:
    value = frame[source]
else:
    value = []

try:
    length = len(ast.literal_eval(value))
except:
    length = len(value)

variables[target] = length
