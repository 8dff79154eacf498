"""`python -m appliance.cli` is `avap`."""

from appliance.cli import main

main()
