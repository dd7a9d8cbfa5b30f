"""`denguard doctor`: what of an installation works, what will not, and what to do about it.

run.py asks all checks at once, each within its time; what does not apply where it runs is said as
skipped. host.py looks at the machine, files.py at the deployment's folder, the others ask services.
"""
