"""One canonical name per GPU model, from any provider's display name, slug or short name.

A name is cut into words; words that do not change the product (maker, memory, bus) are dropped;
what is left, joined, is looked up in a short list of families. Unknown models keep their name.

Form factors stay where they change the product: A100, A800, H100 and H800 as SXM, PCIe or NVL;
H200 NVL. Cards sold in one form (H200 and B200 as SXM, L40S) or nearly alike in all (V100) carry
none. Workstation and server editions of an RTX PRO card are one model; the slower Max-Q and
mobile ones are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from gpu_shopper.core.normalise import gpu_name_raw

_FORMS = {"sxm": "SXM", "pci": "PCIe", "nvl": "NVL"}
_FORM = re.compile(r"(sxm|pci-?e|nvl(?!ink))[0-9]?")
_MEMORY = re.compile(r"(?<![a-z0-9.])[0-9]{1,4}(?:[ -]*gi?b|g)(?![a-z0-9])")
_WORD = re.compile(r"[a-z0-9]+")
_MAKERS = "nvidia|geforce|tesla|quadro|amd|instinct|radeon"
_GLUED_MAKER = re.compile(rf"^(?:{_MAKERS}|q(?=rtx))+")
_NOISE = frozenset(
    [
        *("q", "gpu", "tensor", "core", "graphics", "generation", "blackwell", "pascal"),
        *("workstation", "ws", "server", "edition", "with", "design", "oam", "pc", "nvlink"),
        *("gddr5", "gddr5x", "gddr6", "gddr6x", "gddr7", "hbm2", "hbm2e", "hbm3", "hbm3e"),
    ]
)

_TI_AND_SUPER = {
    "": "",
    "ti": " Ti",
    "s": " SUPER",
    "super": " SUPER",
    "sti": " Ti SUPER",
    "tis": " Ti SUPER",
    "tisuper": " Ti SUPER",
    "superti": " Ti SUPER",
    "d": " D",
}
_PORTABLE = {"": "", "laptop": " Laptop", "mobile": " Laptop", "maxq": " Max-Q"}
_PRO_KIND = {"": "", "s": "", "ws": "", "maxq": " Max-Q", "mobile": " Mobile", "laptop": " Mobile"}
_TITAN = {"rtx": "RTX", "v": "V", "vceo": "V CEO", "x": "X", "xp": "Xp", "z": "Z"}
_SOLD_IN_FORMS = ("A100", "A800", "H100", "H800")

type _Match = re.Match[str]
type _Spelling = Callable[[_Match, str], str]


@lru_cache(maxsize=4_096)
def canonical(name: str) -> str:
    """The model in `name`, spelt as everywhere in this product; unknown ones stay as they are.

    Idempotent, and blind to case. Only an empty or unprintable name gives an empty answer.
    """
    cleaned = gpu_name_raw(name)
    text = cleaned.lower().replace("_", " ").replace("max-q", "maxq")
    words = _WORD.findall(_FORM.sub(" ", _MEMORY.sub(" ", text)))
    model = _GLUED_MAKER.sub("", "".join(one for one in words if one not in _NOISE))
    for pattern, spelling in _FAMILIES:
        match = pattern.fullmatch(model)
        if match:
            return spelling(match, _form_factor(text))
    return cleaned


def _form_factor(text: str) -> str:
    found = _FORM.search(text)
    if found:
        return _FORMS[found[1][:3]]
    return "SXM" if "hbm3" in text else ""


def _consumer(match: _Match, _form: str) -> str:
    digits = match["digits"]
    family = match["family"] or ("rtx" if digits[0] in "2345" and len(digits) == 4 else "gtx")
    kind = _TI_AND_SUPER[match["kind"] or ""]
    return f"{family.upper()} {digits}{kind}{_portable(match)}"


def _ada(match: _Match, _form: str) -> str:
    return f"RTX {match['digits']}{' SFF' if match['sff'] else ''} Ada{_portable(match)}"


def _pro(match: _Match, _form: str) -> str:
    return f"RTX PRO {match['digits']}{_PRO_KIND[match['kind'] or '']}"


def _workstation(match: _Match, _form: str) -> str:
    return f"RTX {match['model'].upper()}{_portable(match)}"


def _datacenter(match: _Match, form: str) -> str:
    model: str = match["model"].upper()
    matters = model in _SOLD_IN_FORMS or (model, form) == ("H200", "NVL")
    return f"{model} {form}" if form and matters else model


def _titan(match: _Match, _form: str) -> str:
    return f"{'GTX ' if match['family'] else ''}Titan {_TITAN[match['kind']]}"


def _radeon(match: _Match, _form: str) -> str:
    return f"RX {match['digits']} {(match['kind'] or '').upper()}".strip()


def _radeon_pro(match: _Match, _form: str) -> str:
    return f"Radeon {'PRO ' if match['pro'] else ''}{match['model'].upper()}"


def _mining(match: _Match, _form: str) -> str:
    return f"CMP {match['cmp'].upper()}" if match["cmp"] else f"{match['pascal'].upper()}-100"


def _portable(match: _Match) -> str:
    return _PORTABLE[match["portable"] or ""]


_PORT = r"(?P<portable>laptop|mobile|maxq)?"
_CONSUMER = (
    r"(?P<family>rtx|gtx)?(?P<digits>[2-5]0[5-9]0|1[06][1-8]0|[5-9][1-9]0)"
    rf"(?P<kind>{'|'.join(sorted(filter(None, _TI_AND_SUPER), reverse=True))})?{_PORT}"
)
_DATACENTER = (
    r"(?P<model>"
    r"a100x?|a800|[bh][1-3]00|h800|h20|g[bh][23]00|gb10"  # large boards
    r"|a2|a10g?|a16|a30x?|a40|l2|l4|l20|l40s?|t4g?"  # inference cards
    r"|v100s?|g[pv]100|p4|p6|p40|p100|[kpm][1-9][0-9]{2,3}|k[1-9]0[cmx]?|m4|m6|m10|m40|m60"
    r"|mi[0-9]{2,3}[ax]?)"  # AMD Instinct
)
_FAMILIES: tuple[tuple[re.Pattern[str], _Spelling], ...] = tuple(
    (re.compile(pattern), spelling)
    for pattern, spelling in (
        (_CONSUMER, _consumer),
        (rf"(?:rtx)?(?P<digits>[2-6][0-9]{{3}})(?P<sff>sff)?ada{_PORT}", _ada),
        (r"(?:rtx)?pro(?P<digits>[2-6][05]00)(?P<kind>w?s|maxq|mobile|laptop)?", _pro),
        (rf"(?:rtx)?(?P<model>a[1-6][05]00){_PORT}", _workstation),
        (rf"rtx(?P<model>[3-8]000){_PORT}", _workstation),
        (_DATACENTER, _datacenter),
        (rf"(?P<family>gtx)?titan(?P<kind>{'|'.join(_TITAN)})", _titan),
        (r"rx(?P<digits>[4-9][0-9]{2,3})(?P<kind>xtx|xt|gre)?", _radeon),
        (r"(?P<pro>pro)?(?P<model>vii)", _radeon_pro),
        (r"(?P<pro>pro)(?P<model>w[0-9]{4}|v[0-9]{3})", _radeon_pro),
        (r"cmp(?P<cmp>[0-9]{2,3}hx)|(?P<pascal>p10[46])100", _mining),
    )
)
