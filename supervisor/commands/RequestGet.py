# /// command
# description = "GET a URL."
# type = "function"
# interface = [
#   { item = "url", type = "variable" },
#   { item = "querystring", type = "variable" },
#   { item = "headers", type = "variable" },
#   { item = "o_result", type = "variable" },
# ]
# ///
# A status of 400 or more raises, as a failed transport does. The result is the answer's JSON, else its text, and goes
# to the assignment's target if there is one, else to o_result.
import json
import requests

properties = task["properties"]
variables = self.conector.variables
frame = getattr(self.conector, "function_local_vars", {})


def resolved(value):
    if isinstance(value, str):
        name = value.strip()
        if name in variables:
            return variables[name]
        if name in frame:
            return frame[name]
        return name
    return value


def dictionary(value):
    # A text is JSON once ' is "; an empty or unreadable one means nothing to send.
    if isinstance(value, dict):
        return value
    try:
        return json.loads(str(value).replace("'", '"'))
    except:
        return {}


url = str(resolved(properties.get("url")))
query = dictionary(resolved(properties.get("querystring")))
headers = dictionary(resolved(properties.get("headers")))

response = requests.get(url, params=query, headers=headers, timeout=30)
response.raise_for_status()
try:
    result = response.json()
except:
    result = response.text

target = task.get("context") or properties.get("o_result")
if target:
    variables[str(target).strip()] = result
