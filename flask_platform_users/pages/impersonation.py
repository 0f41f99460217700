"""One impersonation: ``impersonation.html``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..impersonation import Receipt, Visit


@dataclass(frozen=True, kw_only=True)
class ImpersonationPage:
    """One impersonation.

    Attributes:
        visits: the requests that are listed, in order.
        totals: numbers of the receipt, by their labels.
        over: whether it has ended.
    """

    receipt: Receipt
    visits: Sequence[Visit]
    totals: Mapping[str, int]
    over: bool
