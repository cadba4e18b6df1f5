"""The word lists of the specification's section 4.2.2.13, and sentences made of a few words of its grammar."""

from random import Random
from typing import Final


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


REGIONS: Final = ("AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST")
NATIONS: Final = (
    *(("ALGERIA", 0), ("ARGENTINA", 1), ("BRAZIL", 1), ("CANADA", 1), ("EGYPT", 4), ("ETHIOPIA", 0), ("FRANCE", 3)),
    *(("GERMANY", 3), ("INDIA", 2), ("INDONESIA", 2), ("IRAN", 4), ("IRAQ", 4), ("JAPAN", 2), ("JORDAN", 4)),
    *(("KENYA", 0), ("MOROCCO", 0), ("MOZAMBIQUE", 0), ("PERU", 1), ("CHINA", 2), ("ROMANIA", 3)),
    *(("SAUDI ARABIA", 4), ("VIETNAM", 2), ("RUSSIA", 3), ("UNITED KINGDOM", 3), ("UNITED STATES", 1)),
)
COLORS: Final = _listed(
    "almond antique aquamarine azure beige bisque black blanched blue blush brown burlywood burnished chartreuse chiffon"
    " chocolate coral cornflower cornsilk cream cyan dark deep dim dodger drab firebrick floral forest frosted gainsboro"
    " ghost goldenrod green grey honeydew hot indian ivory khaki lace lavender lawn lemon light lime linen magenta maroon"
    " medium metallic midnight mint misty moccasin navajo navy olive orange orchid pale papaya peach peru pink plum powder"
    " puff purple red rose rosy royal saddle salmon sandy seashell sienna sky slate smoke snow spring steel tan thistle"
    " tomato turquoise violet wheat white yellow"
)
TYPES: Final = tuple(
    f"{a} {b} {c}"
    for a in ("STANDARD", "SMALL", "MEDIUM", "LARGE", "ECONOMY", "PROMO")
    for b in ("ANODIZED", "BURNISHED", "PLATED", "POLISHED", "BRUSHED")
    for c in ("TIN", "NICKEL", "BRASS", "STEEL", "COPPER")
)
CONTAINERS: Final = tuple(
    f"{a} {b}"
    for a in ("SM", "LG", "MED", "JUMBO", "WRAP")
    for b in ("CASE", "BOX", "BAG", "JAR", "PKG", "PACK", "CAN", "DRUM")
)
SEGMENTS: Final = ("AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY", "HOUSEHOLD")
PRIORITIES: Final = ("1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW")
INSTRUCTIONS: Final = ("DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN")
MODES: Final = ("REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB")

_TEXT: Final = _listed(
    "furious sly careful blithe quick fluffy slow quiet ruthless thin close dogged daring brave stealthy permanent"
    " enticing idle busy regular final ironic even bold silent special pending express unusual requests packages"
    " accounts deposits foxes ideas theodolites pinto beans instructions dependencies excuses platelets asymptotes"
    " courts dolphins multipliers sauternes warthogs frets dinos attainments somas braids hockey players sleep wake are"
    " cajole haggle nag use boost affix detect integrate about above according to across after against along"
)


def sentence(rng: Random, length: int) -> str:
    """Words, of so many characters at most; "special ... requests" among them at times, which Q13 looks for."""
    return " ".join(rng.choices(_TEXT, k=length // 8))[:length].rstrip()
