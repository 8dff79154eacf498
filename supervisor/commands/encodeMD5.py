# /// command
# description = "MD5 of the argument's own text."
# type = "function"
# interface = [
#   { item = "SourceVariable", type = "var" },
#   { item = "TargetVariable", type = "var" },
# ]
# ///
# The argument is never a variable's name. A template in backticks is expanded with text variables; at the first name
# that has no text the expansion stops, and the rest is hashed as it was written.
import hashlib
import re

properties = task["properties"]
values = list(properties.values())
text = str(properties.get("SourceVariable") or (values[0] if len(values) > 0 else None)).strip()
target = str(properties.get("TargetVariable") or (values[1] if len(values) > 1 else None)).strip()
variables = self.conector.variables
frame = getattr(self.conector, "local_vars", {})

if text.startswith("`") and text.endswith("`"):
    text = text.replace("`", "")
    for name in re.findall(r"\${([^}]*)}", text):
        part = variables.get(name) if name in variables else frame.get(name)
        if not isinstance(part, str):
            break
        text = text.replace("${%s}" % name, part)

digest = hashlib.md5()
digest.update(text.encode("utf-8"))
variables[target] = digest.hexdigest()
