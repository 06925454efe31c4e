"""From measurements and evidence to a verdict for each target."""
