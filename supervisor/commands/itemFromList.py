# /// command
# description = "Take one item of a list, dict or text."
# type = "function"
# interface = [
#   { item = "SourceVariable", type = "var" },
#   { item = "index", type = "value" },
#   { item = "TargetVariable", type = "var" },
# ]
# ///
# The index is digits, or names a shared variable (whose value is used as it is), or must be an integer. A text that
# spells a Python literal is read first.
import ast

properties = task["properties"]
values = list(properties.values())
source = str(properties.get("SourceVariable") or (values[0] if len(values) > 0 else None)).strip()
index = str(properties.get("index") or (values[1] if len(values) > 1 else None)).strip()
target = str(properties.get("TargetVariable") or (values[2] if len(values) > 2 else None)).strip()
variables = self.conector.variables

if index.isdigit():
    index = int(index)
elif index in variables:
    index = variables[index]
else:
    index = int(index)

items = variables[source]
try:
    items = ast.literal_eval(items)
except:
    pass

variables[target] = items[index]
