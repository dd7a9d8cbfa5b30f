"""Plausibility checks: whether the values of a drop fit what was accepted before, unit by unit.

Values that cannot be (a count of 3.5, 80 degrees) are refused by expectations.py. Here are values
that can be and probably are not: a running series that falls to 0, a count many times its own
maximum, a table that holds each unit's neighbour.

    history.py     what is known before a drop, and what the drop delivers, as matrices
    rules.py       the list of rules; a rule is one function in a file beside it
    suspicion.py   what a rule finds: cells, how bad, which way, for one cause
    answers.py     a person's answer about a cause: it is true, or it is wrong
    causes.py      what a validation found, written down, and answers recorded
    listed.py      the same list, read where alerts and status are made
    doubts.py      what is doubted, as rows
    assess.py      drop after drop: rules, answers, which cells are held
    assess_drops.py  the drops of a place, as assess.py wants them (with arrived.py, earlier.py)
    remembered.py  what rules found in drops before, kept by content
    assessed_before.py  how all earlier drops were assessed, kept by content
    level.py, chance.py, past.py, found.py   arithmetic and words that several rules share
"""
