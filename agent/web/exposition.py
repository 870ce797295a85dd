"""Metric families in Prometheus' forms: its text format, or OpenMetrics where the scraper asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from agent.views.metrics import Family, MetricType

_SUFFIX = {MetricType.COUNTER: "_total", MetricType.INFO: "_info", MetricType.GAUGE: ""}


class FamilyCollector(Collector):
    """Makes the metrics anew at each scrape, so that what is gone leaves nothing behind. Does no I/O."""

    def __init__(self, families: Callable[[], Iterable[Family]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families():
            yield _metric(family)


class Exposition:
    """The registry of this agent; never the library's global one, whose process metrics read /proc at each scrape."""

    def __init__(self, families: Callable[[], Iterable[Family]]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(FamilyCollector(families))

    def render(self, accept: str) -> tuple[bytes, str]:
        """The body and its content type, as the Accept header wants it."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


def _metric(family: Family) -> Metric:
    row = family.row
    metric = Metric(row.name.removesuffix(_SUFFIX[row.type]), row.help, row.type.value, row.unit)
    for values, value in family.samples:
        metric.add_sample(row.name, dict(zip(row.labels, values, strict=True)), value)
    return metric
