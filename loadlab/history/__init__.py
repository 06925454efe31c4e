"""The file that keeps nights: a record a night, appended at once, and what a damaged file still holds."""
