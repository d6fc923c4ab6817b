"""What training holds in memory: measured from the arrays, and by formula."""
