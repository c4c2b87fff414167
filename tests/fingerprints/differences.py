"""What differs between a job's values on two sides, but for what on_purpose.py names."""
import re

import on_purpose

LISTS_OF_NAMES = ("files", "order of the series")
TEXTS = ("messages", "standard output", "text")


def is_added(name):
    return any(re.fullmatch(pattern, name) for pattern in on_purpose.ADDED)


def reworded(line):
    for pattern, text in on_purpose.REWORDED:
        if match := re.fullmatch(pattern, line):
            return match.expand(text)
    return line


def without_added(lines, expected):
    """The present lines or names but for those that are added on purpose."""
    return [line for line in lines if line in expected or not is_added(line)]


def untouched(base, present):
    """The files whose series have the base's names in the base's order: the base wrote them in both jobs (@base)."""
    return {where for (where, name), value in base.items() if name == "order of the series" and present.get((where, name)) == value}


def expected(base, present):
    """The base's values as the present program should give them, aliases left out: {(where, name): value}"""
    found = {}
    as_they_were = untouched(base, present)
    for (where, name), value in base.items():
        if where in as_they_were:
            found[where, name] = value
            continue
        if name in TEXTS:
            value = [reworded(line) for line in value]
        elif name == "order of the series":
            value = [on_purpose.RENAMED.get(series, series) for series in value]
        elif where.endswith("summary.json") and isinstance(value, str):
            value = on_purpose.RESPELLED.get(name, {}).get(value, value)
        found[where, on_purpose.RENAMED.get(name, name)] = value
    return found


def short(value):
    """A value for a line of the report."""
    text = str(value)
    return text if len(text) <= 90 else f"{text[:87]}..."


def lists(name, before, after):
    """The first place where two lists differ, in a line; of texts and names what is missing and what is new."""
    for place, (old, new) in enumerate(zip(before, after)):
        if old != new:
            return f"{name}, entry {place + 1} of {len(before)}: {short(old)} -> {short(new)}"
    longer = before if len(before) > len(after) else after
    return f"{name}: {len(before)} entries -> {len(after)}, the first beyond: {short(longer[min(len(before), len(after))])}"


def differences(base, present):
    """Lines, none where the two are equal."""
    wanted = expected(base, present)
    aliases = ({(where, name) for where, name in base if name in on_purpose.RENAMED} & present.keys()) - wanted.keys()
    found = []
    for place in sorted(wanted.keys() | present.keys(), key=lambda place: (not place[0].startswith("command"), place)):
        where, name = place
        if place not in present:
            found.append(f"{where}: {name} is missing")
        elif place in aliases:
            if present[place] != base[place]:
                found.append(f"{where}: {name}, an alias, is not what it was")
        elif place not in wanted:
            if not is_added(name) and not is_added(where):
                found.append(f"{where}: {name} is new: {short(present[place])}")
        else:
            before, after = wanted[place], present[place]
            if name in TEXTS + LISTS_OF_NAMES:
                after = without_added([entry for entry in after if entry in before or entry not in on_purpose.RENAMED or name in TEXTS],
                                      before)
            if before != after:
                both = isinstance(before, list) and isinstance(after, list)
                found.append(f"{where}: " + (lists(name, before, after) if both else f"{name}: {short(before)} -> {short(after)}"))
    return found
