"""The endpoint: answers predictions with the registry's champion. No Airflow, DVC or Great
Expectations.
"""
