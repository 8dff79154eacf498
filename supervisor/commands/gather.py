# /// command
# description = "Wait for a function that go started."
# type = "function"
# interface = [
#   { item = "id", type = "var" },
#   { item = "timeout", type = "var" },
# ]
# ///
# Waits up to timeout milliseconds (to the end of the request when there is none). A finished function's variables, save
# those that start with _, are merged into the shared ones and its return value goes to the target; an unknown id or a
# function that has not finished gives null.
properties = task["properties"]
variables = self.conector.variables
promises = getattr(self.conector, "asynced_functions", {})


def resolved(item):
    value = properties.get(item)
    if isinstance(value, str):
        return variables.get(value, value)
    return value


try:
    seconds = float(resolved("timeout")) / 1000.0
except:
    seconds = None

result = None
promise = promises.get(str(resolved("id")))
if promise is not None:
    if promise.is_alive():
        promise.join(timeout=seconds)
    if promise.completado:
        for name, value in promise.conector_variables.items():
            if not str(name).startswith("_"):
                variables[name] = value
        result = promise.result_value

context = task.get("context")
if context:
    variables[context] = result
