# /// command
# description = "The time now, formatted or as an epoch."
# type = "function"
# interface = [
#   { item = "Format", type = "var" },
#   { item = "TimeDelta", type = "var" },
#   { item = "TimeZone", type = "var" },
#   { item = "TargetVariable", type = "var" },
# ]
# ///
# In the zone when it is a known one, else in the server's. An empty TimeDelta is 0 seconds; an empty Format asks for
# the epoch as a float.
import datetime
import pytz

properties = task["properties"]
values = list(properties.values())
pattern = str(properties.get("Format") or (values[0] if len(values) > 0 else None)).strip()
seconds = str(properties.get("TimeDelta") or (values[1] if len(values) > 1 else None)).strip()
zone_name = str(properties.get("TimeZone") or (values[2] if len(values) > 2 else None)).strip()
target = str(properties.get("TargetVariable") or (values[3] if len(values) > 3 else None)).strip()
variables = self.conector.variables

zone = None
if zone_name not in ("", "current"):
    try:
        zone = pytz.timezone(zone_name)
    except:
        pass

moment = datetime.datetime.now(zone) + datetime.timedelta(seconds=int(seconds if seconds != "" else 0))
variables[target] = moment.strftime(pattern) if pattern != "" else moment.timestamp()
