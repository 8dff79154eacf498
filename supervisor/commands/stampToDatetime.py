# /// command
# description = "Date text of an epoch."
# type = "function"
# interface = [
#   { item = "timestamp", type = "var" },
#   { item = "Format", type = "var" },
#   { item = "TimeDelta", type = "var" },
#   { item = "TargetVariable", type = "var" },
# ]
# ///
# The epoch is a shared variable's value where the argument names one. The date is local time of the server; an empty
# Format asks for the epoch again, as a float.
import datetime

properties = task["properties"]
values = list(properties.values())
stamp = str(properties.get("timestamp") or (values[0] if len(values) > 0 else None)).strip()
pattern = str(properties.get("Format") or (values[1] if len(values) > 1 else None)).strip()
seconds = str(properties.get("TimeDelta") or (values[2] if len(values) > 2 else None)).strip()
target = str(properties.get("TargetVariable") or (values[3] if len(values) > 3 else None)).strip()
variables = self.conector.variables

if stamp in variables:
    stamp = variables[stamp]

moment = datetime.datetime.fromtimestamp(float(stamp))
moment = moment + datetime.timedelta(seconds=int(seconds if seconds != "" else 0))
variables[target] = moment.strftime(pattern) if pattern != "" else moment.timestamp()
