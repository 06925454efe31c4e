"""What the load and the database say: histograms in microseconds, intervals, evidence, the machine."""
