"""What the server keeps: one SQLite database per data directory, one module of queries per noun."""
