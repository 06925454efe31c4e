"""The highest rate that a scenario's targets hold at: the search, and one window of it.

It stands above the stages, beside the pipeline, whose way from a scenario to a filled database it goes. Which rate is
tried next and what a window says of its rate is decided in `loadlab.validate`.
"""
