"""`make dashboard`: the template's own dashboard, drawn from the metrics of a local run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from local import cloudformation, drawing, metrics, paths
from local.api import Api
from local.drawing import Box, Span
from local.endpoints import Endpoints
from local.functions import EACH_PROVIDER, Functions
from local.metrics import BUCKET_S, Value

IMAGE = paths.ROOT / "docs" / "images" / "dashboard.svg"
PAGE = paths.STATE / "dashboard.html"

COLUMN_PX, LINE_PX, EDGE_PX, GAP_PX = 60, 40, 16, 4
_FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"
_OWN_NAMESPACE = "CloudGpuShopper"
_ORPHAN_AGE_S = 600
_PASSES = 2
_PASSES_APART_S = 6.0


def trouble(running: Endpoints, functions: Functions) -> None:
    """What the main job never meets: an orphan, an empty budget, requests that are refused."""
    label = f"shopper-{running.deployment_id}-00000000-0000-4000-8000-00000000dead-1"
    lost = {"provider": "vastai", "label": label, "age_s": _ORPHAN_AGE_S}
    Api(running.simulator_url).post("/_test/orphan", lost)
    for key in (running.consumer_key, "gsk_nobody00_" + "x" * 43):
        caller = Api(running.api_url, key)
        for path in ("/api/v1/inventory/vastai-1", "/api/v1/keys", "/nowhere"):
            caller.send("GET", path)
    _spend_out(running)
    for _ in range(_PASSES):
        functions.invoke_each("ReconcileFunction", EACH_PROVIDER)
        functions.invoke("PublishGaugesFunction", {})
        time.sleep(_PASSES_APART_S)


def _spend_out(running: Endpoints) -> None:
    """The demo's consumer may spend a cent, and asks for more."""
    operator, consumer = (
        Api(running.api_url, key) for key in (running.operator_key, running.consumer_key)
    )
    limit = {"monthly_limit_usd": 0.01, "enforce": True}
    operator.call("PUT", "/api/v1/budgets/demo", json=limit)
    for offer in consumer.get("/api/v1/inventory", limit=3)["offers"]:
        wish = {"offer_id": offer["id"], "workload_type": "ssh", "reservation_hours": 12}
        consumer.send("POST", "/api/v1/sessions", json=wish)


def widgets(template: Path, deployment_id: str) -> list[dict[str, Any]]:
    """The dashboard's diagrams as the template defines them, for one deployment."""
    resource = cloudformation.read(template)["Resources"]["Dashboard"]
    body: str = resource["Properties"]["DashboardBody"]["Fn::Sub"]
    found: list[dict[str, Any]] = json.loads(body.replace("${DeploymentId}", deployment_id))[
        "widgets"
    ]
    return found


def write(running: Endpoints, image: Path = IMAGE, page: Path = PAGE) -> None:
    """Draw what the logs of this run say: the picture, and a page that holds it."""
    found = metrics.values(metrics.log_lines(running.emulator_url))
    drawn = draw(widgets(paths.TEMPLATE, running.deployment_id), found)
    image.parent.mkdir(parents=True, exist_ok=True)
    image.write_text(drawn, "utf-8")
    page.write_text(_page(drawn), "utf-8")


def draw(definition: Sequence[dict[str, Any]], found: Sequence[Value]) -> str:
    """One picture with every diagram of the definition."""
    instants = [one.at_s for one in found] or [0.0]
    span = Span(min(instants) // BUCKET_S * BUCKET_S, max(instants))
    width = 24 * COLUMN_PX + 2 * EDGE_PX
    height = max(one["y"] + one["height"] for one in definition) * LINE_PX + 2 * EDGE_PX
    parts = chain.from_iterable(_widget(one, found, span) for one in definition)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" {_FONT}>',
            f'<rect width="{width}" height="{height}" fill="#f8fafc"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


def _widget(one: dict[str, Any], found: Sequence[Value], span: Span) -> Iterator[str]:
    box = Box(
        EDGE_PX + one["x"] * COLUMN_PX + GAP_PX,
        EDGE_PX + one["y"] * LINE_PX + GAP_PX,
        one["width"] * COLUMN_PX - 2 * GAP_PX,
        one["height"] * LINE_PX - 2 * GAP_PX,
    )
    look = one["properties"]
    if one["type"] == "text":
        words = look["markdown"].lstrip("# ")
        yield drawing.text(box.x, box.y + 24, words, 18, 'font-weight="600" fill="#0f172a"')
    elif one["type"] == "alarm":
        yield from _alarms(box, look["title"], look["alarms"])
    else:
        yield from _diagram(box, look, found, span)


def _diagram(box: Box, look: dict[str, Any], found: Iterable[Value], span: Span) -> Iterator[str]:
    lines = list(chain.from_iterable(metrics.series(one, found) for one in look["metrics"]))
    if lines:
        unit = look.get("yAxis", {}).get("left", {}).get("label", "")
        yield from drawing.diagram(box, look["title"], unit, lines, span)
        return
    yield from drawing.frame(box, look["title"])
    ours = any(isinstance(one[0], dict) or one[0] == _OWN_NAMESPACE for one in look["metrics"])
    missing = "nothing of it in this run" if ours else "counted by AWS, not in a local run"
    yield drawing.note(box, missing)


def _alarms(box: Box, title: str, arns: Sequence[str]) -> Iterator[str]:
    """Their names: the emulator evaluates none."""
    yield from drawing.frame(box, f"{title} (evaluated on AWS only)")
    rows = 9
    columns = -(-len(arns) // rows)
    for number, arn in enumerate(arns):
        x = box.x + 14 + number // rows * (box.width - 28) / columns
        name = arn.rsplit("}-", 1)[1]
        yield drawing.text(x, box.y + 46 + number % rows * 21, name, 12, 'fill="#334155"')


def _page(drawn: str) -> str:
    return (
        "<!doctype html>\n<html lang='en'><meta charset='utf-8'>"
        "<title>Cloud GPU Shopper</title>\n<body style='margin:0;background:#f8fafc'>\n"
        f"{drawn}</body></html>\n"
    )
