# /// command
# description = "Random text that matches a regular expression."
# type = "function"
# interface = [
#   { item = "Pattern", type = "var" },
#   { item = "Length", type = "var" },
#   { item = "TargetVariable", type = "var" },
# ]
# ///
# Length is how many random texts are made and joined, as a literal; with a pattern for one character it is the length.
import exrex

properties = task["properties"]
variables = self.conector.variables
pattern = properties["Pattern"]
count = int(properties["Length"])
target = properties["TargetVariable"]

if pattern in variables:
    pattern = variables[pattern]

text = ""
for turn in range(0, count):
    text += exrex.getone(str(pattern))

variables[target] = text
