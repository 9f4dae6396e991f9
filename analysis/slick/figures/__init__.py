"""One module a figure: functions that turn a Setting into a Figure, or raise Missing."""
