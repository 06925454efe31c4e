"""The means that every value is made with: hashing, bijections, quantiles, cells, and time; no table is known here."""
