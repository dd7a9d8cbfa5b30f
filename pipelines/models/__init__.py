"""The forecasters, one file each, reached by name as another distribution's are.

Belongs here: what fits, predicts, is saved and loaded behind fusion/forecaster.py's Protocols, and
kinds.py, which names them. Does not belong here: calibration and decision threshold, which wrap any
of them (fusion/horizon.py), and the loop of the fused heads (training).
"""
