"""Change one member of a JSON text and leave every other byte as it is.

Docker's config belongs to the person: their order, their indentation, their way to write numbers. So the
text is edited, not written anew. The standard library reads each value; only where members begin and end
is found here.
"""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_SPACE = " \t\n\r"
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"([ \t\n\r]*:)?')  # with the colon behind a key


class NotEditable(ValueError):
    """The text is not one JSON object, or a member on the way is not an object or stands there twice."""


@dataclass(frozen=True, slots=True)
class _Member:
    """Where a member of an object stands; *starts* is that of its key, *ends* the end of its value."""

    key: str
    starts: int
    value: int
    ends: int


@dataclass(frozen=True, slots=True)
class _Object:
    """An object from ``{`` at *starts* to behind ``}`` at *ends*."""

    starts: int
    ends: int
    members: tuple[_Member, ...]

    def named(self, key: str) -> _Member | None:
        found = [member for member in self.members if member.key == key]
        if len(found) > 1:
            raise NotEditable(f"{key} stands there twice")
        return found[0] if found else None


def with_member(text: str, path: tuple[str, ...], value: object) -> str:
    """Return *text* with the member *path* set to *value*; objects on the way are made.

    A new member stands behind the others of its object, indented as they are. Raises NotEditable.
    """
    *way, key = path
    inner = _object(text, _start(text))
    for depth, name in enumerate(way):
        member = inner.named(name)
        if member is None:
            made: object = value
            for part in reversed((*way[depth + 1 :], key)):
                made = {part: made}
            return _added(text, inner, name, made)
        if text[member.value : member.value + 1] != "{":
            raise NotEditable(f"{name} is not an object")
        inner = _object(text, member.value)
    member = inner.named(key)
    if member is None:
        return _added(text, inner, key, value)
    if json.loads(text[member.value : member.ends]) == value:
        return text
    return text[: member.value] + json.dumps(value) + text[member.ends :]


def without_member(text: str, path: tuple[str, ...]) -> str:
    """Return *text* without the member *path*, or *text* itself if it has none. Raises NotEditable."""
    *way, key = path
    inner = _object(text, _start(text))
    for name in way:
        member = inner.named(name)
        if member is None:
            return text
        inner = _object(text, member.value)
    member = inner.named(key)
    if member is None:
        return text
    place = inner.members.index(member)
    if len(inner.members) == 1:
        return text[: inner.starts + 1] + text[inner.ends - 1 :]
    if place:  # with the comma in front of it
        return text[: inner.members[place - 1].ends] + text[member.ends :]
    return text[: member.starts] + text[inner.members[1].starts :]


def without_texts(text: str, shown: Collection[str]) -> str:
    """Return *text* with "..." for every text in it, however deep, but in the members *shown*.

    Raises NotEditable.
    """
    found, done = "", 0
    for member in _object(text, _start(text)).members:
        if member.key not in shown:
            value = text[member.value : member.ends]
            hidden = _TEXT.sub(lambda each: each[0] if each[1] else '"..."', value)
            found += text[done : member.value] + hidden
            done = member.ends
    return found + text[done:]


def _added(text: str, inner: _Object, key: str, value: object) -> str:
    """Return *text* with a new last member of *inner*."""
    if inner.members:
        last = inner.members[-1]
        before = inner.members[-2].ends if len(inner.members) > 1 else inner.starts
        between = text[before + 1 : last.starts].rpartition(",")[2]
        if "\n" not in between:
            between = "" if _is_compact(text) else " "
        new = f",{between}{_rendered(key, value, between, text)}"
        return text[: last.ends] + new + text[last.ends :]
    outer = _indentation(text, inner.starts)
    step = _step(text)
    if step is None:
        return text[: inner.starts + 1] + _rendered(key, value, "", text) + text[inner.ends - 1 :]
    between = f"{_line_break(text)}{outer}{step}"
    end = f"{_line_break(text)}{outer}"
    new = between + _rendered(key, value, between, text) + end
    return text[: inner.starts + 1] + new + text[inner.ends - 1 :]


def _rendered(key: str, value: object, between: str, text: str) -> str:
    """Return the member as it stands behind the white space *between*."""
    step = _step(text)
    if "\n" not in between or step is None:
        marks = (",", ":") if _is_compact(text) else (", ", ": ")
        return json.dumps({key: value}, separators=marks)[1:-1]
    body = json.dumps({key: value}, indent=step)[1:-1].strip()
    depth = between[between.rfind("\n") + 1 :]
    lines = [line.removeprefix(step) for line in body.split("\n")]
    return f"{_line_break(text)}{depth}".join(lines)


def _is_compact(text: str) -> bool:
    return '": ' not in text and '":' in text


def _line_break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _step(text: str) -> str | None:
    """Return what one level is indented by: as far as the first member is; None for one line of text."""
    start = _start(text)
    first = next(iter(_object(text, start).members), None)
    if first is None:
        return "\t"  # as Docker writes it
    space = text[start + 1 : first.starts]
    if "\n" not in space:
        return None
    return space[space.rfind("\n") + 1 :] or "\t"


def _indentation(text: str, place: int) -> str:
    """Return the white space with which the line of *place* begins."""
    line = text[text.rfind("\n", 0, place) + 1 : place]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _start(text: str) -> int:
    start = _skip(text, 0)
    ends = _object(text, start).ends
    if text[ends:].strip(_SPACE):
        raise NotEditable("something stands behind the object")
    return start


def _object(text: str, start: int) -> _Object:
    if text[start : start + 1] != "{":
        raise NotEditable("not an object")
    members = tuple(_members(text, start + 1))
    last = _skip(text, members[-1].ends if members else start + 1)
    return _Object(start, last + 1, members)


def _members(text: str, place: int) -> Iterator[_Member]:
    """Yield the members from behind ``{`` on; it ends in front of ``}``."""
    decoder = json.JSONDecoder()
    place = _skip(text, place)
    try:
        while text[place] != "}":
            starts = place
            if text[place] != '"':
                raise NotEditable("not JSON")
            key, place = decoder.raw_decode(text, place)
            place = _skip(text, place)
            if text[place] != ":":
                raise NotEditable("not JSON")
            value = _skip(text, place + 1)
            _, ends = decoder.raw_decode(text, value)
            yield _Member(key, starts, value, ends)
            place = _skip(text, ends)
            if text[place] == "}":
                return
            if text[place] != ",":
                raise NotEditable("not JSON")
            place = _skip(text, place + 1)
            if text[place] == "}":
                raise NotEditable("not JSON")
    except (IndexError, json.JSONDecodeError, RecursionError) as error:
        raise NotEditable("not JSON") from error


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in _SPACE:
        place += 1
    return place
