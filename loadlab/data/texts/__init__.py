"""Texts: vocabularies, patterns and templates, and the texts of one form (names, places, codes with check digits)."""
