"""What paired rounds of two sides say: an estimate with its interval, the noise, a verdict. Pure functions."""
