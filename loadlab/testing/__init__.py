"""The pytest plugin: seeded databases, factories and latency limits as fixtures. See docs/pytest.md.

`plugin` is what pytest imports in every project where LoadLab is installed: it and `options` import nothing heavy, and
everything else waits for the first test that asks for it.
"""
