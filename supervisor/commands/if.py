# /// command
# description = "Run one of two branches."
# type = "function"
# interface = [
#   { item = "variable", type = "variable" },
#   { item = "variableValue", type = "variable" },
#   { item = "comparator", type = "value" },
# ]
# ///
# The arguments come as the script wrote them. The comparator is read first: it is the one that a short call lacks.
properties = task["properties"]
variables = self.conector.variables
comparator = str(properties["comparator"]).strip().strip('"').strip("'")


def operand(item):
    # A shared variable's value where the text names one, then the number that its text spells, else that text.
    value = properties[item]
    if value in variables:
        value = variables[value]
    text = str(value).strip().strip('"').strip("'")
    try:
        if "." in text:
            return float(text)
        return int(text)
    except:
        return text


holds = False
left = operand("variable")
right = operand("variableValue")

if comparator.startswith("`") and comparator.endswith("`"):
    # Expression mode: the operands only hold their places, and an expression that fails is false.
    try:
        holds = bool(eval(comparator[1:-1], {"__builtins__": {}}, {**variables}))
    except:
        pass
elif comparator == "=" or comparator == "==":
    # Equality is of texts: 5.0 and 5 differ, True equals the word True.
    holds = str(left) == str(right)
elif comparator == "!=":
    holds = str(left) != str(right)
elif comparator == "<":
    holds = float(left) < float(right)
elif comparator == ">":
    holds = float(left) > float(right)
elif comparator == "<=":
    holds = float(left) <= float(right)
elif comparator == ">=":
    holds = float(left) >= float(right)

for node in task["branches"].get("true" if holds else "false", []):
    self.process_step(node)
