"""What `/metrics` says, as rows of a table and their values. Pure: no I/O, and no metrics library either.

`table` names every metric; `derive_families` gives their values for one snapshot. `agent.web` puts them into
Prometheus' form.
"""

from agent.views.metrics.families import Family, SurveyHealth, derive_families
from agent.views.metrics.publishing import PublishHealth
from agent.views.metrics.table import MetricType, Row

__all__ = ["Family", "MetricType", "PublishHealth", "Row", "SurveyHealth", "derive_families"]
