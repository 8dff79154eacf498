# /// command
# description = "Start the false branch of an if block."
# type = "function"
# interface = []
# ///
# A marker for the script's parser: it switches the open if block to its false branch. Run as a command it does nothing.
pass
