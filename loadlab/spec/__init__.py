"""The user's words, fully checked here: the brief (what is required) and the scenario (what is run)."""
