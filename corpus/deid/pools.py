"""Where the made-up words come from: common names, towns and companies that are nowhere."""

import re
from functools import cache

from corpus.deid import gazetteer
from corpus.deid.gazetteer import each

Pool = tuple[str, ...]
TOWN_STARTS = each(
    "Alder Briar Cedar Dun Elms Fern Glen Hazel Ivers Kes Lin Marl Nether Oak Pen Quill Rud"
    " Sel Thorn Wick"
)
TOWN_ENDS = each(
    "bridge brook bury combe cross dale field ford gate ham haven hurst ley mere more ridge"
    " stead ton wick wood"
)
STREET_NAMES = each(
    "Alder Beech Birch Cedar Chestnut Cherry Clover Fern Hazel Juniper Laurel Linden Maple"
    " Meadow Orchard Poplar Spruce Walnut Willow"
)
QUIET = each(
    "amber brook cedar cloud ember field harbor lantern maple meadow moss pebble pine quiet"
    " river stone willow winter"
)
COMPANIES = each("Foods Logistics Services Supply Works")
SCHOOLISH = re.compile(
    r"\b(?:University|College|School|High|Elementary|Academy|Institute|Hospital|Clinic|Pharmacy"
    r"|Infirmary|Hospice|Rehab|Society|Foundation|Bank)\b"
)  # fmt: skip


@cache
def pools() -> dict[str, Pool]:
    """Names to hand out: common ones, and none that is a word as well."""
    from faker.providers.person.en_US import Provider  # noqa: PLC0415  # slow, needed only here

    def usable(names: object) -> Pool:
        assert isinstance(names, dict)
        spare = gazetteer.words() | gazetteer.known() | gazetteer.cities().keys()
        return tuple(name for name in names if len(name) > 3 and name.lower() not in spare)

    female, male = usable(Provider.first_names_female), usable(Provider.first_names_male)
    both = tuple(name for name in (*female, *male))
    return {"f": female, "m": male, "u": both, "last": usable(Provider.last_names)}


def towns() -> Pool:
    return tuple(start + end for start in TOWN_STARTS for end in TOWN_ENDS)
