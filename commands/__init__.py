"""The command line: one file a command; puts the rooms together and does nothing else.

Importing it takes the current folder off the search path, where `python -m` and an empty entry of PYTHONPATH put it:
a `demo.py` or `json.py` of the user's is never imported. A checkout that is the current folder stays.
"""

import os
import sys

_ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), os.pardir))  # noqa: PTH118, PTH120 - as below


def _is_current_folder(entry: str) -> bool:
    """Uses nothing that is not imported already: what is imported here could be the user's."""
    try:
        return os.path.realpath(entry) == os.path.realpath(os.curdir) != _ROOT
    except OSError:  # the current folder is gone
        return not os.path.isabs(entry)  # noqa: PTH117 - as above


sys.path[:] = [entry for entry in sys.path if not _is_current_folder(entry)]
