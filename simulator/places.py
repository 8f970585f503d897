"""Where the machines of the sample market stand, spelled as untidily as a provider does."""

from __future__ import annotations

import re

from simulator.draws import Weighted

# weight | display string; the part after the last comma is mostly an ISO country code
_CLEAN = """
5|California, US
4|Texas, US
3.2|Washington, US
2.6|Virginia, US
2.4|New York, US
2|Oregon, US
1.8|Nevada, US
1.6|Utah, US
1.5|Illinois, US
1.4|Florida, US
1.3|Georgia, US
1.2|Ohio, US
1.1|Michigan, US
1.1|Arizona, US
1|New Jersey, US
1|North Carolina, US
1|Pennsylvania, US
.9|Minnesota, US
.8|Massachusetts, US
.8|Colorado, US
.7|Missouri, US
.6|Iowa, US
.5|Idaho, US
3|Quebec, CA
2|Ontario, CA
1.2|British Columbia, CA
.7|Alberta, CA
3|Sweden, SE
2.6|Norway, NO
2.2|Finland, FI
1.6|Iceland, IS
1|Denmark, DK
3|Germany, DE
.8|Hesse, DE
2.6|Czechia, CZ
2.4|Poland, PL
2|Bulgaria, BG
1.8|Hungary, HU
1.6|France, FR
1.6|Spain, ES
1.5|United Kingdom, GB
1|England, GB
1.4|Romania, RO
1.3|Estonia, EE
1.2|Slovenia, SI
1.1|Austria, AT
1|Italy, IT
1|Ukraine, UA
.9|Belgium, BE
.9|Switzerland, CH
.8|Portugal, PT
.8|Greece, GR
.7|Lithuania, LT
.7|Latvia, LV
.6|Ireland, IE
.6|Slovakia, SK
.6|Croatia, HR
.5|Serbia, RS
1.4|Netherlands, NL
.6|The Netherlands, NL
3|Taiwan, TW
2.4|South Korea, KR
2|Japan, JP
1.8|Vietnam, VN
1.6|Hong Kong, HK
1.4|Thailand, TH
1.3|Singapore, SG
1.2|India, IN
1|Malaysia, MY
.9|Indonesia, ID
.7|Philippines, PH
1.5|Guangdong, CN
1.2|Zhejiang, CN
.8|Sichuan, CN
1|Moscow, RU
.8|Kazakhstan, KZ
1|Israel, IL
.9|United Arab Emirates, AE
.8|Turkey, TR
1|Australia, AU
.6|New South Wales, AU
.5|New Zealand, NZ
1|Brazil, BR
.6|Argentina, AR
.5|Chile, CL
.5|South Africa, ZA
"""
_ODD = """
7.6|, US
1|, CN
.6|, RU
.5|, DE
.4|, GB
.12|Yūtakachō, Shinagawa District, Tokyo, JP
.1|Hafnarfjarðarkaupstaður, IS
.1|Moscow Oblas, RU
.1|St.-Petersburg, RU
.1|United States, US
.07|California, United States
.1|
"""
_NO_LOCATION_WEIGHT = 0.15
_ODD_SHARE = 12.0

_CODE = re.compile(r"(?:^|[,\s])([A-Z]{2})\s*$")


def country_of(location: str | None) -> str | None:
    """The ISO code at the end of a display string, or None when there is none."""
    found = _CODE.search(location or "")
    return found.group(1) if found else None


def _pairs(text: str) -> list[tuple[str | None, float]]:
    rows = (line.split("|") for line in text.strip("\n").splitlines())
    return [(place, float(weight)) for weight, place in rows]


def _draw() -> Weighted[str | None]:
    clean, odd = _pairs(_CLEAN), _pairs(_ODD)
    scale = (100.0 - _ODD_SHARE) / sum(weight for _, weight in clean)
    return Weighted.of(
        [(place, weight * scale) for place, weight in clean] + odd + [(None, _NO_LOCATION_WEIGHT)]
    )


LOCATION_DRAW: Weighted[str | None] = _draw()
