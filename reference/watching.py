"""The part of template.yaml that is written: alarms and the dashboard, between two rules."""

from __future__ import annotations

from collections.abc import Iterator

from reference import dashboard
from reference.alarms import alarms
from reference.ringing import Alarm, Reading
from reference.stack import TEMPLATE

BEGIN = "  # ---- written by `make docs` from reference/alarms.py and dashboard.py: begin\n"
END = "  # ---- end of what is written\n"


def text() -> str:
    """The whole template, with that part as it should be now."""
    before, rest = TEMPLATE.read_text("utf-8").split(BEGIN)
    _, after = rest.split(END)
    return "".join([before, BEGIN, "\n", _alarms(), "\n", dashboard.text(), "\n", END, after])


def _alarms() -> str:
    """Their part of the template."""
    return "\n".join(line for alarm in alarms() for line in _resource(alarm))


def _resource(alarm: Alarm) -> Iterator[str]:
    yield from (f"  # {alarm.why}", f"  {alarm.logical_id}:", "    Type: AWS::CloudWatch::Alarm")
    if alarm.condition:
        yield f"    Condition: {alarm.condition}"
    yield "    Properties:"
    yield f"      AlarmName: !Sub ${{AWS::StackName}}-{alarm.name}"
    yield f'      AlarmDescription: "{alarm.why} docs/operations.md#{alarm.paragraph}"'
    yield from _read(alarm)
    yield f"      EvaluationPeriods: {alarm.periods}"
    yield f"      ComparisonOperator: {alarm.comparison}"
    yield f"      Threshold: {alarm.threshold}"
    yield f"      TreatMissingData: {alarm.missing}"
    yield from (f"      {one}: [!Ref {alarm.topic}]" for one in ("AlarmActions", "OKActions"))
    yield ""


def _read(alarm: Alarm) -> Iterator[str]:
    if len(alarm.readings) > 1:
        yield from _added(alarm)
        return
    (reading,) = alarm.readings
    yield f"      Namespace: {reading.namespace}"
    yield f"      MetricName: {reading.name}"
    yield f"      Dimensions: {_dimensions(reading)}"
    yield f"      Statistic: {alarm.statistic}"
    yield f"      Period: {alarm.period_s}"


def _added(alarm: Alarm) -> Iterator[str]:
    """The sum of all readings; one without data adds nothing."""
    yield "      Metrics:"
    yield "        - { Id: total, Expression: SUM(METRICS()) }"
    for number, reading in enumerate(alarm.readings, 1):
        yield f"        - Id: m{number}"
        yield "          ReturnData: false"
        yield "          MetricStat:"
        yield f"            Stat: {alarm.statistic}"
        yield f"            Period: {alarm.period_s}"
        yield "            Metric:"
        yield f"              Namespace: {reading.namespace}"
        yield f"              MetricName: {reading.name}"
        yield f"              Dimensions: {_dimensions(reading)}"


def _dimensions(reading: Reading) -> str:
    written = (
        f"{{ Name: {name}, Value: {_value(value)} }}"
        for name, value in reading.all_dimensions.items()
    )
    return f"[{', '.join(written)}]"


def _value(value: str) -> str:
    """A number would not be a text in YAML."""
    return f'"{value}"' if value.isdigit() else value
