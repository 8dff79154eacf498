# /// command
# description = "List the URL query's parameters."
# type = "function"
# interface = [
#   { item = "TargetVariable", type = "var" },
# ]
# ///
# One dict for each distinct name, in the query's order, holding the name's first value as text.
properties = task["properties"]
values = list(properties.values())
target = str(properties.get("TargetVariable") or (values[0] if len(values) > 0 else None)).strip()
arguments = self.conector.req.request.query_arguments

parameters = []
for name in arguments.keys():
    parameters.append({name: arguments[name][0].decode("utf-8")})

self.conector.variables[target] = parameters
