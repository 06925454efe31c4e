"""Commands of their own: arguments become one call, what it returns becomes text. `loadlab.cli` registers them."""
