# /// command
# description = "Join all matches of a regular expression."
# type = "function"
# interface = [
#   { item = "SourceVariable", type = "variable" },
#   { item = "rePattern", type = "variable" },
#   { item = "TargetVariable", type = "variable" },
# ]
# ///
# With one group the group's texts are joined; two or more groups give tuples, which join refuses. No match is null.
import re

properties = task["properties"]
values = list(properties.values())
target = str(properties.get("TargetVariable") or (values[2] if len(values) > 2 else None)).strip()
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
matches = re.findall(pattern, source)

variables[target] = "".join(matches) if len(matches) > 0 else None
