"""One file per data source; each reads drops in its own layout into the same tables."""
