"""The catalogue of what must not succeed, and a test for each case of it."""
