"""Figures of a running program in Prometheus' text form. The only user of prometheus_client.

A figure that the program keeps anyway is read when somebody asks; only distributions are told of
every event.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Read = Callable[[], float | Mapping[str, float]]
"""The value now, or with a label one for each of its values."""


class Metrics:
    """A set of figures, all with one prefix.

    >>> metrics = Metrics("imi_lane")
    >>> metrics.count("verdicts", "verdicts by code", lambda: {"VALID": 3}, label="code")
    >>> metrics.text().splitlines()[-1]
    'imi_lane_verdicts_total{code="VALID"} 3.0'
    """

    def __init__(self, prefix: str) -> None:
        self._prefix, self._registry = prefix, CollectorRegistry()

    def count(self, name: str, help_text: str, read: Read, *, label: str = "") -> None:
        """Show what only ever grows; ``_total`` is added to its name."""
        self._registry.register(
            _Read(CounterMetricFamily, self._named(name), help_text, read, label)
        )

    def level(self, name: str, help_text: str, read: Read, *, label: str = "") -> None:
        """Show what rises and falls."""
        name = self._named(name)
        self._registry.register(_Read(GaugeMetricFamily, name, help_text, read, label))

    def distribution(
        self, name: str, help_text: str, limits: Sequence[float]
    ) -> Callable[[float], None]:
        """Return what is told of each event; ``limits`` are the upper ends of its classes."""
        told = Histogram(self._named(name), help_text, buckets=limits, registry=self._registry)
        return told.observe

    def text(self) -> str:
        """Return all figures as they are now, for Prometheus to fetch."""
        return generate_latest(self._registry).decode()

    def _named(self, name: str) -> str:
        return f"{self._prefix}_{name}"


class _Read:
    """A figure that is read when it is collected."""

    def __init__(
        self,
        family: type[CounterMetricFamily] | type[GaugeMetricFamily],
        name: str,
        help_text: str,
        read: Read,
        label: str,
    ) -> None:
        self._family, self._name, self._help = family, name, help_text
        self._read, self._label = read, label

    def describe(self) -> list[Metric]:
        """Return nothing: a figure is not read before it is asked for."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the figure, read now."""
        value = self._read()
        shown = self._family(self._name, self._help, labels=[self._label] if self._label else [])
        values = value.items() if isinstance(value, Mapping) else [("", value)]
        for label, number in values:
            shown.add_metric([label] if self._label else [], number)
        yield shown
