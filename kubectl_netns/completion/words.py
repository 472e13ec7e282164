"""What the words so far mean, and what the last one is going to be: a verb, an option's name, its value, or an argument.

The rules are those of `cli.arrange` and of click: options stand anywhere, a first word that is no verb belongs to the default
verb, `--` ends the options. Nothing is refused here: a word that makes no sense is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .table import Option, Verb


@dataclass(frozen=True)
class Grammar:
    """The verbs and their options. `default` is the verb that may be left out."""

    verbs: tuple[Verb, ...]
    options: tuple[Option, ...]
    default: str

    def verb(self, name: str) -> Verb | None:
        return next((one for one in self.verbs if one.name == name), None)

    def options_of(self, verb: Verb | None) -> list[Option]:
        """Before the verb is known, those of all verbs."""
        return [one for one in self.options if verb is None or verb.name in one.verbs.split()]

    def option(self, name: str, verb: Verb | None) -> Option | None:
        """Where verbs differ, and it is not known yet which it will be, one that takes a value: as `cli.arrange` reads it."""
        found = [one for one in self.options_of(verb) if name in one.names.split()]
        return max(found, key=lambda one: (one.takes_value, not one.hidden), default=None)


@dataclass
class Place:
    """Where the cursor is. Of `word`, `before` is kept as it is, and `rest` is to be completed."""

    verb: Verb | None = None
    typed: list[tuple[str, str | None]] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    ended: bool = False
    option: Option | None = None
    before: str = ""
    rest: str = ""

    @property
    def is_flag(self) -> bool:
        """Whether it is an option's name."""
        return self.option is None and not self.ended and self.rest.startswith("-")


def read(words: Sequence[str], grammar: Grammar) -> Place:
    """The last word is the one that is being completed; the shell gives it as it is so far, perhaps empty."""
    place, waiting = Place(), ""
    for word in words[:-1]:
        if waiting:
            place.typed.append((waiting, word))
            waiting = ""
        elif place.ended or word in ("", "-") or not word.startswith("-"):
            _argument(place, word, grammar)
        elif word == "--":
            place.ended = True
            place.verb = place.verb or grammar.verb(grammar.default)
        else:
            waiting = _option(place, word, grammar)
    place.rest = words[-1] if words else ""
    if waiting:
        place.option = grammar.option(waiting, place.verb)
    elif not place.ended and place.rest.startswith("-"):
        _value_inside(place, grammar)
    return place


def _argument(place: Place, word: str, grammar: Grammar) -> None:
    if place.verb is None and grammar.verb(word):
        place.verb = grammar.verb(word)
    else:
        place.verb = place.verb or grammar.verb(grammar.default)
        place.arguments.append(word)


def _option(place: Place, word: str, grammar: Grammar) -> str:
    """Note what is typed; gives the name of the option whose value is the next word, or nothing."""
    for name, value in _split(word, place.verb, grammar):
        option = grammar.option(name, place.verb)
        if option and option.takes_value and value is None:
            return name
        place.typed.append((name, value))
    return ""


def _value_inside(place: Place, grammar: Grammar) -> None:
    """`--output=j` and `-oj` hold a value. A shell replaces what follows the `=` only, and all of `-oj`."""
    parts = _split(place.rest, place.verb, grammar)
    name, value = parts[-1]
    option = grammar.option(name, place.verb)
    if option is None or value is None:
        return
    place.typed += parts[:-1]
    place.option = option
    place.before = "" if name.startswith("--") else place.rest.removesuffix(value)
    place.rest = value


def _split(word: str, verb: Verb | None, grammar: Grammar) -> list[tuple[str, str | None]]:
    """Names with their values in one word: `--name`, `--name=value`, `-it`, `-nvalue`, `-itnvalue`."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return [(name, value if equals else None)]
    parts: list[tuple[str, str | None]] = []
    for position, letter in enumerate(word[1:], 2):
        option = grammar.option(f"-{letter}", verb)
        if option and option.takes_value:
            return [*parts, (f"-{letter}", word[position:] or None)]
        parts.append((f"-{letter}", None))
    return parts or [(word, None)]
