"""Public templates, as the template list shows them."""

from __future__ import annotations

import json
from typing import Any

_CREATED_S = 1_760_000_000.0


def _template(
    number: int,
    hash_id: str,
    name: str,
    image: str,
    tag: str,
    *,
    recommended: bool = True,
    filters: dict[str, Any] | None = None,
    disk_gb: float = 32.0,
) -> dict[str, Any]:
    return {
        "id": number,
        "hash_id": hash_id,
        "name": name,
        "image": image,
        "tag": tag,
        "env": "-p 1111:1111 -p 8080:8080 -e OPEN_BUTTON_PORT=1111",
        "onstart": "entrypoint.sh",
        "runtype": "ssh",
        "args_str": "",
        "use_ssh": True,
        "ssh_direct": True,
        "jup_direct": False,
        "jupyter_dir": None,
        "use_jupyter_lab": False,
        "recommended": recommended,
        "recommended_disk_space": disk_gb,
        "extra_filters": json.dumps(filters or {}),
        "creator_id": 62897 if recommended else 90001,
        "created_at": _CREATED_S + number,
        "recent_create_date": _CREATED_S + number,
        "count_created": 10_000 // number,
        "private": False,
        "desc": f"{name} on {image}",
        "href": f"https://hub.docker.com/r/{image}",
        "repo": image,
        "docker_login_repo": None,
        "readme": f"# {name}",
        "readme_visible": True,
    }


TEMPLATES: list[dict[str, Any]] = [
    _template(
        101,
        "38a9dab633743d43107eb9a80d4ada9e",
        "Open WebUI (Ollama)",
        "vastai/ollama",
        "0.15.4",
        filters={"gpu_ram": {"gte": 8000}},
        disk_gb=50.0,
    ),
    _template(
        102,
        "661d064bbda1f2a133816b6d55da07c3",
        "PyTorch (Vast)",
        "vastai/pytorch",
        "@vastai-automatic-tag",
        filters={"cuda_max_good": {"gte": 12.1}},
    ),
    _template(
        103,
        "6b8c2f0cf6d5a86a9d8c2f36b5cd02e1",
        "NVIDIA CUDA",
        "vastai/base-image",
        "cuda-12.6.3-auto",
        filters={"cuda_max_good": {"gte": 12.6}, "compute_cap": {"gte": 700}},
    ),
    _template(
        104,
        "9f2c4c27ab3c85fb2f4c5f1f1d1a90d7",
        "vLLM",
        "vllm/vllm-openai",
        "latest",
        filters={"gpu_total_ram": {"gte": 24000}, "verified": {"eq": True}},
        disk_gb=100.0,
    ),
    _template(
        900, "c0ffee00c0ffee00c0ffee00c0ffee00", "My notebook", "u/nb", "1", recommended=False
    ),
]
