"""denguard's library: everything between a drop of raw data and a forecast.

It imports neither Airflow nor FastAPI; those call it (see dags/ and serving/).
"""
