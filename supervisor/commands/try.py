# /// command
# description = "Start to protect the statements that follow."
# type = "function"
# interface = []
# ///
# The script's top-level loop goes on after a failed statement while this count is above zero.
self.conector.try_level += 1
