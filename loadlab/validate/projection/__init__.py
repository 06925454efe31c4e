"""From a few measured volumes to a larger one: laws of growth, their intervals, and what targets say to them. Pure."""
