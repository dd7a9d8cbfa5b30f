"""Notes that hold news: Spanish field reports that lean on the cases four to eight weeks later.

They are made up. The driver of a note of week w is the log ratio of the mean cases of weeks w + 4
to w + 8 to the unit's usual week, of variance one; at strength 0 it is noise. Most notes say
nothing about it, as most real ones would.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s
from pipelines.data.known_series import partial_mean
from pipelines.data.tables import Tables, latest_cases, ordered
from pipelines.weeks import Calendar

AHEAD = range(4, 9)  # weeks from a note to the cases that it leans on
CUTS = (-1.2, -0.4, 0.4, 1.2)  # of the driver, between five tones
SHARE_OF_WEEKS, SHARE_TELLING = 0.75, 0.4

# Five tones, from quiet to grave; each with phrasings of situation and of entomology.
_SITUATION: tuple[tuple[str, ...], ...] = (
    (
        "Semana tranquila: los puestos de salud casi no atendieron febriles.",
        "Sin novedades de dengue en los hospitales; camas libres y pocas consultas por fiebre.",
        "La consulta externa reporta muy pocos cuadros febriles, menos que el año pasado.",
        "Los médicos rurales no ven casos sospechosos nuevos en las veredas.",
    ),
    (
        "Pocas consultas por fiebre, dentro de lo esperado para la época.",
        "Los centros de salud informan una leve disminución de febriles.",
        "Demanda baja en urgencias; algunos casos aislados de fiebre sin signos de alarma.",
        "La situación se mantiene estable, con ligera tendencia a la baja.",
    ),
    (
        "Las consultas por fiebre se mantienen como en semanas anteriores.",
        "Situación sin cambios: los febriles siguen en el promedio.",
        "Los hospitales reportan una demanda habitual para la temporada.",
        "No se observan cambios importantes en los casos sospechosos.",
    ),
    (
        "Aumentan las consultas por fiebre en varios barrios.",
        "Los centros de salud reportan más febriles que la semana pasada.",
        "Preocupa el incremento de casos sospechosos en las escuelas.",
        "Urgencias informa más pacientes con fiebre y dolor de cabeza.",
    ),
    (
        "Urgencias desbordadas por febriles; faltan camas y sales de rehidratación.",
        "Se multiplican los casos con signos de alarma; el hospital pide refuerzos.",
        "Brote activo en varios barrios, con hospitalizaciones diarias.",
        "Situación crítica: los puestos de salud no dan abasto con los enfermos de fiebre.",
    ),
)
_ENTOMOLOGY: tuple[tuple[str, ...], ...] = (
    (
        "Levantamiento entomológico: casi no se hallan larvas, índice de viviendas de {low} %.",
        "Criaderos escasos tras la inspección; índice de Breteau de {low}.",
        "Las ovitrampas salieron vacías en la mayoría de las manzanas.",
    ),
    (
        "Índice larvario bajo, {mild} % de viviendas positivas.",
        "Pocas larvas en los tanques revisados; Breteau de {mild}.",
        "Las ovitrampas muestran pocos huevos de Aedes.",
    ),
    (
        "Índice de viviendas de {usual} %, similar al levantamiento anterior.",
        "Larvas en cantidad habitual en albercas y floreros; Breteau de {usual}.",
        "Las ovitrampas no muestran cambios respecto al mes anterior.",
    ),
    (
        "Sube el índice larvario: {high} % de viviendas con larvas.",
        "Se encuentran más criaderos en llantas y tanques; Breteau de {high}.",
        "Las ovitrampas muestran más huevos que el mes anterior.",
    ),
    (
        "Infestación alta de Aedes aegypti: {severe} % de viviendas positivas.",
        "Larvas y pupas en casi todas las albercas inspeccionadas; Breteau de {severe}.",
        "Las ovitrampas están llenas de huevos en todos los sectores.",
    ),
)
_VALUES = {"low": (1, 2), "mild": (4, 6), "usual": (9, 11), "high": (17, 21), "severe": (31, 38)}
_NOTHING: tuple[str, ...] = (
    "Se realizó reunión del comité de vigilancia en la alcaldía.",
    "Jornada de recolección de inservibles en {place}.",
    "Charla educativa sobre lavado de tanques en {place}.",
    "Se entregaron toldillos a familias de {place}.",
    "El vehículo de control de vectores está en mantenimiento.",
    "Capacitación del personal en la ficha de notificación.",
    "Se actualizó el mapa de {place} para la vigilancia.",
    "Llegó el pedido de reactivos al laboratorio municipal.",
    "Visita de supervisión del departamento a {place}.",
    "Por festivo se aplazó la inspección de {place}.",
    "Se fumigó en {place} según el cronograma anual.",
    "El informe de la semana se envió a tiempo.",
    "Campaña de vacunación contra fiebre amarilla en {place}.",
    "Se repararon las mallas de la sala de espera del hospital.",
    "Lluvias moderadas durante la semana, sin inundaciones.",
    "El acueducto anuncia cortes de agua programados en {place}.",
)
_PLACES = ("el centro", "los barrios del norte", "los barrios del sur", "la zona rural")


def planted_notes(
    tables: Tables,
    units: Sequence[str],
    weeks: tuple[int, int],
    strength: float,
    seed: int,
    calendar: Calendar,
) -> Tables:
    """The tables with notes, each known at the end of its own week.

    Args:
        weeks: first and last ordinal, both included.
        strength: correlation of the driver with those cases, 0 to 1.
    """
    draw, rows = np.random.default_rng(seed), []
    for unit in units:
        news = _news(tables, unit, weeks)
        noise = draw.standard_normal(len(news))
        driver = strength * news + np.sqrt(1 - strength**2) * noise
        for week, value in zip(range(weeks[0], weeks[1] + 1), driver, strict=True):
            if draw.random() < SHARE_OF_WEEKS:
                kind, text = note_of(float(value), draw)
                rows.append((unit, week, kind, text, calendar.week_end(week)))
    frame = pd.DataFrame(rows, columns=["unit_id", "week_no", "kind", "text", "known_date"])
    frame = frame.assign(received_date=frame["known_date"])
    return replace(tables, notes=ordered("notes", frame))


def note_of(driver: float, draw: np.random.Generator) -> tuple[str, str]:
    """Kind and text of one note."""
    if draw.random() >= SHARE_TELLING:
        words = {"place": _PLACES[int(draw.integers(len(_PLACES)))]}
        return "campaign", _NOTHING[int(draw.integers(len(_NOTHING)))].format(**words)
    kind, told = ("situation", _SITUATION) if draw.random() < 0.5 else ("entomology", _ENTOMOLOGY)
    phrasings = told[int(np.searchsorted(CUTS, driver))]
    values = {name: int(draw.integers(low, high + 1)) for name, (low, high) in _VALUES.items()}
    return kind, phrasings[int(draw.integers(len(phrasings)))].format(**values)


def tone_of(text: str) -> int | None:
    """-2 (quiet) to 2 (grave) of a telling note, None of one that says nothing about it."""
    found = phrasing_of(text)
    return None if found is None else found[0]


def phrasing_of(text: str) -> tuple[int, str] | None:
    """Tone and phrasing of a telling note."""
    return next(((tone, told) for tone, told in _TOLD if _pattern(told).fullmatch(text)), None)


_TOLD = [
    (tone - 2, told)
    for kind in (_SITUATION, _ENTOMOLOGY)
    for tone, phrasings in enumerate(kind)
    for told in phrasings
]


@cache
def _pattern(told: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[0-9]+", re.escape(told)))


def _news(tables: Tables, unit: str, weeks: tuple[int, int]) -> Float64s:
    """(weeks,) log ratio of the cases to come to the usual week, mean 0, variance 1; 0 unknown."""
    cases = latest_cases(tables)
    own = cases[cases["unit_id"] == unit].set_index("week_no")["cases"]
    asked = np.arange(weeks[0], weeks[1] + 1)[:, None] + np.array(AHEAD)
    later = partial_mean(own.reindex(asked.ravel()).to_numpy(np.float64).reshape(asked.shape))
    ratio = np.log((later + 2) / (float(own.median()) + 2))
    out = (ratio - np.nanmean(ratio)) / np.nanstd(ratio)
    return np.where(np.isfinite(out), np.clip(out, -2.5, 2.5), 0.0)
