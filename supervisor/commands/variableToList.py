# /// command
# description = "Append to a list, creating it when there is none."
# type = "function"
# interface = [
#   { item = "element", type = "variable" },
#   { item = "TargetVariable", type = "variable" },
# ]
# ///
# The element is a shared variable's value where it names one, else its own text. A null is not appended.
properties = task["properties"]
values = list(properties.values())
element = str(properties.get("element") or (values[0] if len(values) > 0 else None)).strip()
target = str(properties.get("TargetVariable") or (values[1] if len(values) > 1 else None)).strip()
variables = self.conector.variables

if target not in variables or not isinstance(variables[target], list):
    variables[target] = []

value = variables.get(element, element)
if value is not None:
    variables[target].append(value)
