"""How the server executes the load's statements, with the load's own values: looked at outside the measured window."""
