"""Two designs side by side in one run: what is compared, the rounds in turns, the evidence, the whole.

It stands above the stages, beside the pipeline, whose way from a scenario to a filled database each side goes. What the
rounds say is decided in `loadlab.validate.comparison`.
"""
