# /// command
# description = "Set a shared variable."
# type = "function"
# interface = [
#   { item = "targetVarName", type = "variable" },
#   { item = "varValue", type = "value" },
# ]
# ///
# The value is a shared variable's when it names one; a text of digits becomes an int; anything else stays as it is.
# A list or dict cannot name a variable: asking raises "unhashable type", which scripts can see.
properties = task["properties"]
variables = self.conector.variables
target = properties["targetVarName"]
value = properties["varValue"]

if value in variables:
    value = variables[value]
elif isinstance(value, str) and value.isdigit():
    value = int(value)

variables[target] = value
