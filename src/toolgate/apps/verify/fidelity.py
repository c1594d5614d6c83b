"""Whether a deployment reads the prompts that toolgate would write: told by their token counts."""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from toolgate.apps.verify.scores import Share


class Counted(Struct, frozen=True):
    """One request's prompt."""

    data_index: int
    kind: str
    """Of request; "" where the file does not say."""
    told: int
    """`usage.prompt_tokens`."""
    own: int
    """As toolgate renders it, in the model's vocabulary."""

    @property
    def difference(self) -> int:
        return self.told - self.own


class Fidelity(Struct, frozen=True):
    """All requests of which both counts are known."""

    counted: Sequence[Counted] = ()

    @property
    def exact(self) -> Share:
        return Share(sum(not one.difference for one in self.counted), len(self.counted))

    @property
    def differences(self) -> Counter[int]:
        """Told less own → how many requests; without those that agree."""
        return Counter(one.difference for one in self.counted if one.difference)

    def largest(self, count: int) -> list[Counted]:
        """Those that differ the most."""
        differing = [one for one in self.counted if one.difference]
        return sorted(differing, key=lambda one: -abs(one.difference))[:count]
