# /// command
# description = "Run one SQL statement."
# type = "function"
# interface = [
#   { item = "prompt", type = "var" },
#   { item = "TargetVariable", type = "var" },
# ]
# ///
# Rows are a list of dicts; a statement without rows is committed (except in a sandbox) and gives "Success: N". Nothing
# raises: a failure, a missing connection included, gives {"error": text}. Backticks stand for the single quotes that
# an argument cannot always hold.
properties = task["properties"]
values = list(properties.values())
prompt = str(properties.get("prompt") or (values[0] if len(values) > 0 else None)).strip()
target = str(properties.get("TargetVariable") or (values[1] if len(values) > 1 else None)).strip()
variables = self.conector.variables

if prompt in variables:
    prompt = str(variables[prompt])

connection = getattr(self.conector, "conexion", False)

try:
    if not connection:
        result = {"error": "no SQL connection is configured"}
    else:
        from sqlalchemy import text

        answer = connection.execute(text(prompt.replace("`", "'")))
        if answer.returns_rows:
            result = [dict(row) for row in answer.mappings().all()]
        else:
            if not getattr(self.conector, "sandbox", False):
                connection.commit()
            result = f"Success: {answer.rowcount}"
except Exception as problem:
    result = {"error": str(problem)}

variables[target] = result
