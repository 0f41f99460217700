"""``flask platform-users suggest``: a first mapping, guessed from a host's models and its data.

Every rule is about names, types, keys and values that products have in common. What cannot be told
from those is said in the output, never made up.
"""

from .command import suggest

__all__ = ["suggest"]
