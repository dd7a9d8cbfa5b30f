"""Who may do what in a deployment, and changing its secrets while it runs.

roles.py is the one table of roles; people.py gives and takes them in Airflow, MLflow and the
endpoint at once. rotation.py changes one secret; rotations.py is the table of how each is changed.
"""
