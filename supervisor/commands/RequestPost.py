# /// command
# description = "POST to a URL."
# type = "function"
# interface = [
#   { item = "url", type = "variable" },
#   { item = "querystring", type = "variable" },
#   { item = "headers", type = "variable" },
#   { item = "body", type = "variable" },
#   { item = "o_result", type = "variable" },
# ]
# ///
# A body that is a dict, or a text that is JSON once ' is ", goes as JSON; any other goes raw, without a content type.
# No status raises, and a failed transport gives {"error": text}.
import json
import requests

properties = task["properties"]
variables = self.conector.variables


def resolved(value):
    if isinstance(value, str):
        name = value.strip()
        if name in variables:
            return variables[name]
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
body = resolved(properties.get("body"))

is_json = False
if isinstance(body, dict):
    is_json = True
elif isinstance(body, str):
    try:
        body = json.loads(body.replace("'", '"'))
        is_json = True
    except:
        pass

try:
    if is_json:
        response = requests.post(url, params=query, json=body, headers=headers, timeout=30)
    else:
        raw = str(body if body is not None else "").encode("utf-8")
        response = requests.post(url, params=query, data=raw, headers=headers, timeout=30)
    try:
        result = response.json()
    except:
        result = response.text
except Exception as problem:
    result = {"error": str(problem)}

target = task.get("context") or properties.get("o_result")
if target:
    variables[str(target).strip()] = result
