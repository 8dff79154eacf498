# /// command
# description = "Epoch of a date text."
# type = "function"
# interface = [
#   { item = "DateString", type = "var" },
#   { item = "Format", type = "var" },
#   { item = "TimeDelta", type = "var" },
#   { item = "TargetVariable", type = "var" },
# ]
# ///
# The date is a shared variable's value where the argument names one. It is local time of the server.
import datetime

properties = task["properties"]
values = list(properties.values())
date = str(properties.get("DateString") or (values[0] if len(values) > 0 else None)).strip()
pattern = str(properties.get("Format") or (values[1] if len(values) > 1 else None)).strip()
seconds = str(properties.get("TimeDelta") or (values[2] if len(values) > 2 else None)).strip()
target = str(properties.get("TargetVariable") or (values[3] if len(values) > 3 else None)).strip()
variables = self.conector.variables

if date in variables:
    date = str(variables[date])

moment = datetime.datetime.strptime(date, pattern)
moment = moment + datetime.timedelta(seconds=int(seconds if seconds != "" else 0))
variables[target] = moment.timestamp()
