"""A program's beginning that hides every distribution but those named on its standard input.

A second environment cannot be installed without a network, so the one of development is narrowed.
"""

NARROWED = """
import json, sys, sysconfig
from importlib import metadata, util
from importlib.machinery import PathFinder
from packaging.utils import canonicalize_name

NAMES = set(json.load(sys.stdin))
HERE = [d for d in metadata.distributions() if canonicalize_name(d.name) in NAMES]
FILES = {str(d.locate_file(f)) for d in HERE for f in d.files or ()}
SITE = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))

def there(origin):
    return origin is None or not origin.startswith(SITE) or origin in FILES

class OnlyNamed(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        spec = super().find_spec(name, path, target)
        return spec if spec is None or there(spec.origin) else None

def only_named(cls, **named):
    return (d for d in discover(**named) if canonicalize_name(d.name) in NAMES)

sys.meta_path[sys.meta_path.index(PathFinder)] = OnlyNamed
# Not by the finder: importlib_metadata brings one of its own, whoever imports that.
discover, metadata.Distribution.discover = metadata.Distribution.discover, classmethod(only_named)
"""
