"""Installing where there is no network: one folder, made elsewhere, signed and checked by hash.

contents.py what a folder holds, and its list of hashes
signing.py  the signature over that list, by ssh-keygen
wheels.py   what pip downloads by the hashes of the lock; images.py what docker saves
make.py     makes one where there is a network; install.py installs from one without
"""
