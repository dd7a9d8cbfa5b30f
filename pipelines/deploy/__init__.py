"""What an installation needs before its first start, and whether it can work: init and doctor.

secret_table.py is the one list of secrets (a file each below secrets/), setting_table.py that of
settings (.env); shapes.py says what a value must look like. init.py writes both and refuses what
would fail later; the folder doctor/ looks at host, files and services.
"""
