"""The site's token bucket: calls made while refused cost too, so that hammering lengthens the block."""

from __future__ import annotations

import json

MINIMUM_POINTS = -30.0


class TokenBucket:
    """One bucket per key, all with the same rate and burst."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate  # points a second
        self.burst = burst
        self._points: dict[str, tuple[float, float]] = {}  # key -> points, time in s

    def take(self, key: str, now: float, cost: float = 1.0) -> bool:
        """Take `cost` points; False when the call is refused. `now` in seconds, from any steady clock."""
        if key not in self._points:
            self._points[key] = (self.burst - cost, now)
            return self.burst - cost >= 0
        points, before = self._points[key]
        filled = points + self.rate * (now - before)
        available = min(self.burst, filled)
        self._points[key] = (max(MINIMUM_POINTS, available - (self.rate if filled < 0 else cost)), now)
        return available - cost >= 0

    def header(self, action: str, key: str) -> str:
        """The `X-Rate-Limit` header of a limited action."""
        content = {
            "action": action,
            "cost": 1,
            "rate": self.rate,
            "burst": self.burst,
            "minimum_points": int(MINIMUM_POINTS),
            "enabled": True,
            "limits": {key: round(self._points[key][0], 3)},
        }
        return json.dumps(content, separators=(",", ":"))
