# /// command
# description = "Tell whether a database table exists."
# type = "function"
# interface = [
#   { item = "dbaseName", type = "value" },
#   { item = "varTarget", type = "variable" },
# ]
# ///
# The answer is the text True or False. Without a connection, or when the database fails, it is {"error": text}.
properties = task["properties"]
variables = self.conector.variables
frame = getattr(self.conector, "local_vars", {})
name = properties["dbaseName"]
target = properties["varTarget"]

if name in variables:
    name = variables[name]
elif name in frame:
    name = frame[name]

engine = getattr(self.conector, "engine", False)

try:
    if not engine:
        result = {"error": "no SQL connection is configured"}
    else:
        import sqlalchemy as sa

        result = str(sa.inspect(engine).has_table(str(name)))
except Exception as problem:
    result = {"error": str(problem)}

variables[target] = result
