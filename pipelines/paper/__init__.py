"""The paper, whole: its data sets, approaches, fusions, tables and figures, by two protocols.

"paper" repeats what was printed, flattering choices included and marked; "safe" judges the same
models forward in time, by lesion or by patient, and chooses on validation. A study lives beside the
weekly pipeline: it reads a folder of data, uses the deployment's embedding store, and writes to a
folder of its own.

Source: Restrepo et al. 2024, arXiv 2406.02601, medRxiv 10.1101/2024.06.03.24308401.
"""
