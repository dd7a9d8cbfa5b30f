"""The page of a reproduction: both protocols and the printed figures side by side.

Belongs here: words, pictures and layout. Does not belong here: computing any figure (results.py).
"""
