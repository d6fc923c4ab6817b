"""Figures one can touch, on the site and in notebooks: README.md says how to add one.

Nothing is imported here, so that a page's Python starts without matplotlib.
"""
