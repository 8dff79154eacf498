# /// command
# description = "Set a key of a dict, creating the dict when there is none."
# type = "function"
# interface = [
#   { item = "Key", type = "variable" },
#   { item = "Value", type = "variable" },
#   { item = "TargetVariable", type = "variable" },
# ]
# ///
# Key and value may be templates in backticks. After that, each is a shared variable's value where it names one.
import re

properties = task["properties"]
values = list(properties.values())
key = str(properties.get("Key") or (values[0] if len(values) > 0 else None)).strip()
value = str(properties.get("Value") or (values[1] if len(values) > 1 else None)).strip()
target = str(properties.get("TargetVariable") or (values[2] if len(values) > 2 else None)).strip()
variables = self.conector.variables
frame = getattr(self.conector, "local_vars", {})


def lookup(name):
    # A name that nothing defines is empty in a template.
    if name in variables:
        return variables[name]
    if name in frame:
        return frame[name]
    return ""


if target not in variables or not isinstance(variables[target], dict):
    variables[target] = {}

if key.startswith("`") and key.endswith("`"):
    # Only texts make a key: at any other value the expansion stops and the rest stays as it was written.
    key = key.replace("`", "")
    for name in re.findall(r"\${([^}]*)}", key):
        part = lookup(name)
        if not isinstance(part, str):
            break
        key = key.replace("${%s}" % name, part)

if value.startswith("`") and value.endswith("`"):
    value = value.replace("`", "")
    for name in re.findall(r"\${([^}]*)}", value):
        value = value.replace("${%s}" % name, str(lookup(name)))

if value in variables:
    value = variables[value]
if key in variables:
    key = variables[key]

variables[target][key] = value
