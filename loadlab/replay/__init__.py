"""Replay of a statement log: each session's statements in their order, at their times divided by the speed.

`prepare.py` reads the log once and spools what is to be executed, by worker and due time (`spool.py`); `worker.py` is a
process that executes its part over operating-system threads (`turns.py`, `loop.py`); `crew.py` conducts the workers and
merges what they measured; `run.py` reads as the whole.
"""
