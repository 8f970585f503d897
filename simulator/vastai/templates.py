"""Public templates, as the template list shows them, and what they add to a create."""

from __future__ import annotations

import json
import re
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
    filters: Any = "{}",
    disk_gb: float | None = 32.0,
    env: str = "-p 1111:1111 -p 8080:8080 -e OPEN_BUTTON_PORT=1111",
) -> dict[str, Any]:
    """One row; `filters` is text mostly, and sometimes the object itself or null."""
    return {
        "id": number,
        "hash_id": hash_id,
        "name": name,
        "image": image,
        "tag": tag,
        "env": env,
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
        "extra_filters": filters,
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
        filters=json.dumps({"gpu_ram": {"gte": 8000}}),
        disk_gb=50.0,
    ),
    _template(
        102,
        "661d064bbda1f2a133816b6d55da07c3",
        "PyTorch (Vast)",
        "vastai/pytorch",
        "@vastai-automatic-tag",
        filters=json.dumps({"cuda_max_good": {"gte": 12.1}}),
    ),
    _template(
        103,
        "6b8c2f0cf6d5a86a9d8c2f36b5cd02e1",
        "NVIDIA CUDA",
        "vastai/base-image",
        "cuda-12.6.3-auto",
        filters=json.dumps({"cuda_max_good": {"gte": 12.6}, "compute_cap": {"gte": 700}}),
    ),
    _template(
        104,
        "9f2c4c27ab3c85fb2f4c5f1f1d1a90d7",
        "vLLM",
        "vllm/vllm-openai",
        "latest",
        filters=json.dumps({"gpu_total_ram": {"gte": 24000}, "verified": {"eq": True}}),
        disk_gb=100.0,
    ),
    _template(
        105,
        "b1d5a2f7c3e84f60a9127d3c5e6f8b90",
        "Text Generation Inference",
        "ghcr.io/huggingface/text-generation-inference",
        "latest",
        filters={"cpu_arch": {"in": ["amd64"]}, "gpu_total_ram": {"gt": 40000}},
        disk_gb=120.0,
        env="-p 8080:80 -e HF_HUB_ENABLE_HF_TRANSFER=1",
    ),
    _template(
        106,
        "4e7f1c9b0d2a48358c6b5f1e9a3d7c20",
        "Ubuntu 22.04",
        "vastai/base-image",
        "ubuntu-22.04",
        filters=None,
        disk_gb=None,
        env="",
    ),
    _template(
        107,
        "0a9c8b7e6d5f4a3b2c1d0e9f8a7b6c5d",
        "Multi-GPU training (DeepSpeed)",
        "vastai/deepspeed",
        "0.16",
        filters=json.dumps(
            {
                "num_gpus": {"gte": 2},
                "reliability2": {"gt": 0.9},
                "geolocation": {"notin": ["CN", "RU"]},
                "inet_down": {"gte": 100},
                "cpu_cores_effective": {"gte": 4},
                "driver_version": {"gte": "535.86.05"},
                "datacenter": {"eq": True},
            }
        ),
        disk_gb=200.0,
    ),
    _template(
        108,
        "7d3e5f1a2b4c4d6e8f90a1b2c3d4e5f6",
        "Written by hand",
        "vastai/base-image",
        "latest",
        filters='{"gpu_ram": 8000, "cuda_max_good": {"above": 12}}',
    ),
    _template(
        900, "c0ffee00c0ffee00c0ffee00c0ffee00", "My notebook", "u/nb", "1", recommended=False
    ),
]
_BY_HASH = {row["hash_id"]: row for row in TEMPLATES}
_ENV = re.compile(r"-p (?P<ports>\S+)|-e (?P<name>[^\s=]+)=(?P<value>\S*)")


def known(hash_id: object) -> dict[str, Any] | None:
    """The row of a template, also of one that is not recommended."""
    return _BY_HASH.get(hash_id) if isinstance(hash_id, str) else None


def filled(body: dict[str, Any]) -> dict[str, Any]:
    """A create with what its template adds: image, start script, ports and environment.

    What the create itself says goes before it.
    """
    template = known(body.get("template_hash_id"))
    if template is None:
        return body
    image = f"{template['image']}:{template['tag']}"
    script = body.get("onstart") or template["onstart"]
    env = {**_environment(template["env"]), **(body.get("env") or {})}
    return {**body, "image": body.get("image") or image, "onstart": script, "env": env}


def _environment(text: str) -> dict[str, str]:
    """`-p 1:1 -e A=b`, as templates keep it, in the form of a create."""
    found: dict[str, str] = {}
    for part in _ENV.finditer(text):
        if part["ports"]:
            found[f"-p {part['ports']}"] = "1"
        else:
            found[part["name"]] = part["value"]
    return found
