"""The page of a reproduction: both protocols and the printed figures side by side."""
