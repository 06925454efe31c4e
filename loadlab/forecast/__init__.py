"""From measured small volumes to the full one: scale after scale is filled and measured, then projected.

It stands above the stages, beside the pipeline, whose way from a scenario to a filled database it goes. Which law a
size or a latency follows, and what it comes to, is decided in `loadlab.validate.projection`.
"""
