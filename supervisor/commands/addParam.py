# /// command
# description = "Read a request parameter into a shared variable."
# type = "function"
# interface = [
#   { item = "param", type = "value" },
#   { item = "variable", type = "var" },
# ]
# ///
# Looked for in the URL query, then among the top-level keys of the JSON body, then in the form.
import json

properties = task["properties"]
values = list(properties.values())
name = str(properties.get("param") or (values[0] if len(values) > 0 else None)).strip()
target = properties.get("variable") or (values[1] if len(values) > 1 else None)
request = self.conector.req.request


def coerced(found):
    # From the text of what was found: digits are an int, what Python reads as a float is one, the empty text is null,
    # JSON is its value, the rest stays text.
    if found is None:
        return None
    if isinstance(found, (bytes, bytearray)):
        try:
            text = found.decode("utf-8")
        except:
            text = str(found)
    else:
        text = str(found)
    if text == "":
        return None
    try:
        if text.isdigit():
            return int(text)
        return float(text)
    except ValueError:
        pass
    try:
        return json.loads(text)
    except:
        return text


value = None
located = False

for key in request.query_arguments:
    if key.replace('"', "").replace("'", "") == name:
        value = request.query_arguments[key][0]
        located = True
        break

if not located:
    try:
        value = json.loads(request.body.decode("utf-8"))[name]
        located = True
    except:
        pass

if not located and name in request.body_arguments:
    value = request.body_arguments[name][0]

# Without a usable target there is nowhere to put the value, and nothing else to do.
if target:
    self.conector.variables[str(target).strip()] = coerced(value)
