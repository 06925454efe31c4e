"""LoadLab's tests and its check entry (`python -m tests.check`)."""
