"""Feature versions: labelled sample rows and the vectors they need, one format in one room."""
