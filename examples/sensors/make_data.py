"""Makes the sample data of this folder: sites, sensors, and a week of hourly readings.

The values are invented (daily curves with noise from a fixed seed), so the files are free to use for anything. Running
it again writes the same bytes:

    python examples/sensors/make_data.py
"""

import csv
import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent
START = datetime(2026, 3, 2)
HOURS = 7 * 24
SITES = [
    (1, "Harbour", 53.541, 9.966),
    (2, "Old Mill", 53.602, 10.021),
    (3, "Ridge", 53.488, 10.189),
    (4, "Saltmarsh", 53.711, 9.402),
    (5, "University", 53.567, 9.984),
    (6, "Water Works", 53.521, 10.055),
]
KINDS = [("temperature", "°C"), ("humidity", "%"), ("pressure", "hPa"), ("wind", "m/s")]


def value_of(kind: str, site: int, hour: int, rng: random.Random) -> float:
    """An invented measurement: a daily curve, an offset of the site, and noise."""
    day = math.sin((hour % 24 - 9) / 24 * 2 * math.pi)
    noise = rng.gauss(0, 1)
    curves = {
        "temperature": 7 + 4 * day + 0.4 * site + 0.5 * noise,
        "humidity": min(100.0, 78 - 11 * day - site + 2 * noise),
        "pressure": 1013 + 6 * math.sin(hour / 60) + 0.3 * noise,
        "wind": abs(4 + 1.5 * day + 0.3 * site + 1.2 * noise),
    }
    return round(curves[kind], 1)


def sensors() -> Iterator[tuple[int, int, str, str]]:
    """(id, site id, kind, unit): one sensor of each kind at each site."""
    for site, *_ in SITES:
        for number, (kind, unit) in enumerate(KINDS):
            yield site * 10 + number, site, kind, unit


def readings() -> Iterator[tuple[int, str, float]]:
    """(sensor id, time, value), in order of time."""
    rng = random.Random(20260302)
    for hour in range(HOURS):
        at = (START + timedelta(hours=hour)).isoformat(sep=" ")
        for sensor, site, kind, _ in sensors():
            yield sensor, at, value_of(kind, site, hour, rng)


def main(folder: Path = HERE) -> None:
    """Write the three files into `folder`."""
    for name, header, rows in (
        ("site.csv", ("id", "name", "latitude", "longitude"), SITES),
        ("sensor.csv", ("id", "site_id", "kind", "unit"), sensors()),
        ("reading.csv", ("sensor_id", "taken_at", "value"), readings()),
    ):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)


if __name__ == "__main__":
    main()
