"""The names under which other distributions import what denguard promises them.

The folder is mapped to the package `denguard` in pyproject.toml, because the top of the repository
holds the rooms alone.
"""
