# /// command
# description = "Take the value at a key of a dict or JSON text."
# type = "function"
# interface = [
#   { item = "SourceVariable", type = "var" },
#   { item = "key", type = "value" },
#   { item = "TargetVariable", type = "var" },
# ]
# ///
# The key is a text as written and is not looked up; what has no such key (any list) gives null.
import json

properties = task["properties"]
values = list(properties.values())
source = str(properties.get("SourceVariable") or (values[0] if len(values) > 0 else None)).strip()
key = str(properties.get("key") or (values[1] if len(values) > 1 else None)).strip()
target = str(properties.get("TargetVariable") or (values[2] if len(values) > 2 else None)).strip()
variables = self.conector.variables

data = variables[source]
try:
    data = json.loads(data)
except:
    pass

try:
    value = data[key]
except:
    value = None

variables[target] = value
