"""Backup: a copy of the deployment at one moment, and the way back from it.

record.py   what a backup says it holds; written last, so that one that is listed is whole
places.py   what of a home belongs to a backup; databases.py and postgres.py: copies of databases
sealing.py  encryption; vault.py: the folder or bucket that holds backups
make.py     makes one; moment.py copies what has to agree in it
check.py    reads every byte of one again
restore.py  puts one back; emptying.py moves aside what is there
proof.py    what must be the same before and after: champion, newest forecast, audit, trace;
            champions.py asks the registry without MLflow
keys.py     secrets, into a file of their own elsewhere
upgrade.py  a backup, then the migrations of the databases, and how to go back
"""
