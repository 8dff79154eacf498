# /// command
# description = "Close the innermost block."
# type = "function"
# interface = []
# ///
# A marker for the script's parser: it closes the innermost open block. Run as a command it does nothing.
pass
