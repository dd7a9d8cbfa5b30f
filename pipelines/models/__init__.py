"""The forecasters, one file each, reached by name as another distribution's are."""
