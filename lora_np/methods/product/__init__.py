"""The change multiplies: what a weight gives or reads, or the weight itself."""
