# /// command
# description = "Count a variable from one bound to another."
# type = "function"
# interface = [
#   { item = "varName", type = "variable" },
#   { item = "from", type = "value" },
#   { item = "to", type = "value" },
# ]
# ///
# An executor runs loops itself; this is the loop for one that does not. It differs: a bound that is no number is 0, the
# counter ends one past the upper bound, and a pass over the body stops at the first child whose value is falsy.
properties = task["properties"]
variables = self.conector.variables
name = properties["varName"]


def bound(item):
    value = properties[item]
    try:
        if value in variables:
            value = variables[value]
        return int(float(str(value).strip().strip('"').strip("'")))
    except:
        return 0


last = bound("to")
variables[name] = bound("from")
while variables[name] <= last:
    for node in task["sequence"]:
        if not self.process_step(node):
            break
    variables[name] += 1
