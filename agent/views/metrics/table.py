"""Every metric: name, type, unit, labels and help, in one place.

Code, docs/metrics.md and tests read this table. Names and labels are public: to rename one is a breaking change. Units
are base units (bytes, seconds); counters end in `_total`, facts that are words in `_info`. Labels are bounded: by NUMA
nodes, page sizes, subjects and physical devices, never by virtual functions, pods or files.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class MetricType(enum.Enum):
    """The value is Prometheus' word."""

    GAUGE = "gauge"
    COUNTER = "counter"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One metric."""

    name: str
    """As it stands in Prometheus, with `_total` and `_info`"""
    type: MetricType = MetricType.GAUGE
    unit: str = ""
    """The last part of the name but for `_total`; empty for a plain number"""
    labels: tuple[str, ...] = ()
    help: str


BUILD_INFO = Row(
    name="numascope_build_info",
    type=MetricType.INFO,
    labels=("version",),
    help="The version of numascope that runs; always 1.",
)
MACHINE_INFO = Row(
    name="numascope_machine_info",
    type=MetricType.INFO,
    labels=("architecture", "cpu_model", "kernel"),
    help="What machine it is; a label is empty where the machine does not say. Always 1.",
)

SURVEY_SUCCESS = Row(
    name="numascope_survey_success",
    help="Whether the last survey of the machine was complete: 1, or 0 where it read nothing or is stuck.",
)
SURVEY_DURATION = Row(
    name="numascope_survey_duration_seconds",
    unit="seconds",
    help="How long the last survey that ended took.",
)
SURVEY_AGE = Row(
    name="numascope_survey_age_seconds",
    unit="seconds",
    help="How long ago the last complete survey ended.",
)
SURVEYS = Row(
    name="numascope_surveys_total",
    type=MetricType.COUNTER,
    labels=("outcome",),
    help="Surveys since the agent started: complete, or failed (read nothing, or were stuck at their deadline).",
)
SUBJECT_SUCCESS = Row(
    name="numascope_subject_success",
    labels=("subject",),
    help="Whether a subject could be read in the last survey; where it is 0 the facts are older ones or none.",
)
SUBJECT_AGE = Row(
    name="numascope_subject_age_seconds",
    unit="seconds",
    labels=("subject",),
    help="How much older than the last survey the facts of a subject are: 0 where it was read then.",
)
SUBJECT_PROBLEMS = Row(
    name="numascope_subject_problems",
    labels=("subject",),
    help="Files of a subject that are there but could not be read or understood; what they say is unknown.",
)

NODE_INFO = Row(
    name="numascope_numa_node_info",
    type=MetricType.INFO,
    labels=("numa_node", "kind"),
    help="A NUMA node and what it is: cpu+memory, cpu, memory, device-memory, empty, or nothing where unknown.",
)
NODE_CPUS = Row(
    name="numascope_numa_cpus",
    labels=("numa_node",),
    help="Online CPUs of a NUMA node.",
)
NODE_MEMORY = Row(
    name="numascope_numa_memory_total_bytes",
    unit="bytes",
    labels=("numa_node",),
    help="Memory of a NUMA node, with what hugepages take.",
)
NODE_MEMORY_FREE = Row(
    name="numascope_numa_memory_free_bytes",
    unit="bytes",
    labels=("numa_node",),
    help="Memory of a NUMA node that nothing uses, not even a cache.",
)
NODE_DISTANCE = Row(
    name="numascope_numa_distance",
    labels=("numa_node", "to_numa_node"),
    help="The kernel's relative distance from a NUMA node with CPUs to another; 10 is itself.",
)
NUMASTAT = Row(
    name="numascope_numastat_pages_total",
    type=MetricType.COUNTER,
    unit="pages",
    labels=("numa_node", "event"),
    help="Pages allocated on a NUMA node since boot, by the kernel's words: numa_hit, numa_miss and so on.",
)
HUGEPAGES = Row(
    name="numascope_hugepages_total_bytes",
    unit="bytes",
    labels=("numa_node", "page_size"),
    help="The pool of hugepages, with surplus pages; numa_node is empty where the kernel does not tell it by node.",
)
HUGEPAGES_FREE = Row(
    name="numascope_hugepages_free_bytes",
    unit="bytes",
    labels=("numa_node", "page_size"),
    help="Hugepages that nobody has; some of them may be promised already.",
)
HUGEPAGES_SURPLUS = Row(
    name="numascope_hugepages_surplus_bytes",
    unit="bytes",
    labels=("numa_node", "page_size"),
    help="Hugepages beyond the pool's size, given back when they are freed.",
)

DEVICE_INFO = Row(
    name="numascope_device_info",
    type=MetricType.INFO,
    labels=("pci_address", "sort", "vendor", "device", "driver", "numa_node"),
    help="A GPU, accelerator, network, storage or memory device; no bridges, no virtual functions. numa_node is "
    "the one it is near to (0, or 0-1 for several), empty where the machine does not say.",
)
LINK_DEGRADED = Row(
    name="numascope_pcie_link_degraded",
    labels=("pci_address",),
    help="Whether the PCIe link of a device runs slower or narrower than it could. Idle devices may slow down by "
    "themselves to save power.",
)
NRT_LEFT_OUT = Row(
    name="numascope_nrt_zones_left_out",
    help="NUMA nodes that hold something but have an id of 64 or more, which no scheduler can take.",
)
PUBLISH_IN_SYNC = Row(
    name="numascope_publish_in_sync",
    labels=("kind",),
    help="Whether what is published is known to be what it should be: 1, or 0 while it is not, or nobody knows. kind "
    "is NodeResourceTopology, Numatopology, Node (its labels) or FeatureFile.",
)
PUBLISH_CONFIRMED = Row(
    name="numascope_publish_last_success_timestamp_seconds",
    unit="seconds",
    labels=("kind",),
    help="When it was last written, or seen to be as it should be, in seconds since the epoch. Where nothing changes, "
    "nothing is written or read.",
)
PUBLISH_WRITES = Row(
    name="numascope_publish_writes_total",
    type=MetricType.COUNTER,
    labels=("kind",),
    help="Writes that were accepted since the agent started.",
)
PUBLISH_FAILURES = Row(
    name="numascope_publish_failures_total",
    type=MetricType.COUNTER,
    labels=("kind", "reason"),
    help="Requests that failed since the agent started: unreachable, credentials, unauthorized, forbidden, missing (no "
    "such kind or Node), conflict, throttled, server, refused, or file.",
)
PUBLISH_REPAIRS = Row(
    name="numascope_publish_repairs_total",
    type=MetricType.COUNTER,
    labels=("kind",),
    help="Times that fields which another manager had set were set again.",
)
PUBLISH_YIELDED = Row(
    name="numascope_publish_yielded",
    labels=("kind", "manager"),
    help="Another field manager that insists on our fields and to which they are left (--on-conflict); 1 while they "
    "are.",
)
METRIC_LEFT_OUT = Row(
    name="numascope_metric_samples_left_out",
    labels=("metric",),
    help="Samples of a metric that is left out as a whole, because it would have more than this agent serves of one.",
)

TABLE: tuple[Row, ...] = (
    BUILD_INFO,
    MACHINE_INFO,
    SURVEY_SUCCESS,
    SURVEY_DURATION,
    SURVEY_AGE,
    SURVEYS,
    SUBJECT_SUCCESS,
    SUBJECT_AGE,
    SUBJECT_PROBLEMS,
    NODE_INFO,
    NODE_CPUS,
    NODE_MEMORY,
    NODE_MEMORY_FREE,
    NODE_DISTANCE,
    NUMASTAT,
    HUGEPAGES,
    HUGEPAGES_FREE,
    HUGEPAGES_SURPLUS,
    DEVICE_INFO,
    LINK_DEGRADED,
    NRT_LEFT_OUT,
    PUBLISH_IN_SYNC,
    PUBLISH_CONFIRMED,
    PUBLISH_WRITES,
    PUBLISH_FAILURES,
    PUBLISH_REPAIRS,
    PUBLISH_YIELDED,
    METRIC_LEFT_OUT,
)
"""In the order in which they are served."""
