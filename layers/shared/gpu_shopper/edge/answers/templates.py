"""Templates, whole and in short."""

from __future__ import annotations

from gpu_shopper.core.templates import Template
from gpu_shopper.edge.answers.values import Shown, instant


class TemplateBody(Shown):
    """One template, as its provider wrote it."""

    id: int
    hash_id: str
    name: str
    image: str
    tag: str | None
    env: str | None
    onstart: str | None
    runtype: str | None
    args_str: str | None
    use_ssh: bool
    ssh_direct: bool
    recommended: bool
    recommended_disk_space: float | None
    extra_filters: str | None
    creator_id: int | None
    created_at: str | None
    count_created: int | None

    @classmethod
    def of(cls, template: Template) -> TemplateBody:
        """The template as callers see it."""
        return cls(
            id=template.id,
            hash_id=template.hash_id,
            name=template.name,
            image=template.image,
            tag=template.tag,
            env=template.env,
            onstart=template.onstart,
            runtype=template.runtype,
            args_str=template.args_str,
            use_ssh=template.use_ssh,
            ssh_direct=template.ssh_direct,
            recommended=template.recommended,
            recommended_disk_space=template.recommended_disk_gb,
            extra_filters=template.extra_filters,
            creator_id=template.creator_id,
            created_at=instant(template.created_at),
            count_created=template.count_created,
        )


class TemplatesBody(Shown):
    """All templates that fit the question, most used first."""

    templates: list[TemplateBody]
    count: int
    fetched_at: str


class FittingTemplateBody(Shown):
    """A template in short."""

    hash_id: str
    name: str
    image: str | None


class FittingTemplatesBody(Shown):
    """The templates whose conditions an offer meets."""

    compatible_templates: list[FittingTemplateBody]
    count: int
    offer_id: str
    gpu_type: str
    vram_gb: int | None
    provider: str | None = None
    note: str | None = None
