"""Readers of data sets and weights that come inside packages."""
