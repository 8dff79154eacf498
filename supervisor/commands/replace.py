# /// command
# description = "Replace what a regular expression matches."
# type = "function"
# interface = [
#   { item = "SourceVariable", type = "variable" },
#   { item = "rePattern", type = "variable" },
#   { item = "newValue", type = "variable" },
#   { item = "TargetVariable", type = "variable" },
# ]
# ///
# Spaces of the pattern match any white space. A pattern that does not compile leaves the source as it is. At the end
# every ¨ becomes a double quote, which an argument cannot hold.
import re

properties = task["properties"]
values = list(properties.values())
target = str(properties.get("TargetVariable") or (values[3] if len(values) > 3 else None)).strip()
variables = self.conector.variables
frame = getattr(self.conector, "function_local_vars", {})


def resolved(name):
    if name in variables:
        return str(variables[name])
    if name in frame:
        return str(frame[name])
    return name


source = resolved(str(properties.get("SourceVariable") or (values[0] if len(values) > 0 else None)).strip())
pattern = resolved(str(properties.get("rePattern") or (values[1] if len(values) > 1 else None)).strip())
replacement = resolved(str(properties.get("newValue") or (values[2] if len(values) > 2 else None)).strip())

if not pattern.strip():
    pattern = " "

try:
    text = re.sub(pattern.replace(" ", r"\s"), replacement, source)
except re.error as problem:
    text = source

variables[target] = text.replace("¨", '"')
