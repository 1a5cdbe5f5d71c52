"""What a shell can complete, from the parsers of the verbs, and the scripts for four shells.

Nothing of ours runs while somebody types: the scripts hold all the words. Hosts are left to the person.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

PROGRAM = "docker-credential-acr"


@dataclass(frozen=True, slots=True)
class Words:
    """What may follow ``docker-credential-acr VERB [SUBVERB]``: word -> its help."""

    path: tuple[str, ...]
    words: Mapping[str, str]
    values: Mapping[str, tuple[str, ...]]  # of options that take one of a few values


def words(parsers: Mapping[str, argparse.ArgumentParser], others: Mapping[str, str]) -> list[Words]:
    """Return the words of every verb in *parsers*; *others* are verbs without arguments."""
    summaries = {name: parser.description or "" for name, parser in parsers.items()}
    found = [Words((), {**others, **summaries}, {})]
    for name, parser in parsers.items():
        found += _of(parser, (name,))
    return found


def _of(parser: argparse.ArgumentParser, path: tuple[str, ...]) -> Iterator[Words]:
    known: dict[str, str] = {}
    values: dict[str, tuple[str, ...]] = {}
    below: list[tuple[str, argparse.ArgumentParser]] = []
    for action in parser._actions:  # noqa: SLF001  argparse has no other way to ask
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            helps = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001
            known |= {name: helps.get(name, "") for name in action.choices}
            below += action.choices.items()
            continue
        text = "" if action.help in (None, argparse.SUPPRESS) else str(action.help)
        long = [each for each in action.option_strings if each.startswith("--")]
        known |= dict.fromkeys(long, text)
        if action.choices:
            values |= dict.fromkeys(long or [""], tuple(map(str, action.choices)))
    yield Words(path, known, values)
    for name, parser_below in below:
        yield from _of(parser_below, (*path, name))


def bash(found: list[Words]) -> str:
    cases = "".join(
        f"        {_quoted(' '.join(each.path))}) words={_quoted(' '.join(_all(each)))} ;;\n"
        for each in found
    )
    values = "".join(
        f"        {_quoted(' '.join((*each.path, option)))}) words={_quoted(' '.join(known))} ;;\n"
        for each in found
        for option, known in each.values.items()
        if option
    )
    return f"""\
# {PROGRAM} completion bash: source it, or put it into bash's folder of completions
_docker_credential_acr() {{
    local words="" place="" word index
    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${{COMP_WORDS[index]}}
        case $word in -* | *.*) ;; *) place="${{place:+$place }}$word" ;; esac
    done
    case $place in
{cases}    esac
    case "$place ${{COMP_WORDS[COMP_CWORD - 1]}}" in
{values}    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}")
}}
complete -F _docker_credential_acr {PROGRAM}
"""


def zsh(found: list[Words]) -> str:
    cases = "".join(
        f"    {_quoted(' '.join(each.path))}) known=({' '.join(_pairs(each))}) ;;\n"
        for each in found
    )
    values = "".join(
        f"    {_quoted(' '.join((*each.path, option)))}) known=({' '.join(map(_quoted, some))}) ;;\n"
        for each in found
        for option, some in each.values.items()
        if option
    )
    return f"""\
#compdef {PROGRAM}
# {PROGRAM} completion zsh: put it as _{PROGRAM} into a folder of $fpath
_docker_credential_acr() {{
  local -a known before
  local place="" word
  before=("${{(@)words[2,CURRENT-1]}}")
  for word in $before; do
    case $word in -*|*.*) ;; *) place="${{place:+$place }}$word" ;; esac
  done
  case $place in
{cases}  esac
  case "$place ${{before[-1]}}" in
{values}  esac
  _describe 'what may follow' known
}}
if [ "$funcstack[1]" = "_{PROGRAM}" ]; then
  _docker_credential_acr "$@"
else
  compdef _docker_credential_acr {PROGRAM}
fi
"""


def fish(found: list[Words]) -> str:
    lines = [
        f"# {PROGRAM} completion fish: put it into fish's folder of completions",
        f"complete -c {PROGRAM} -f",
    ]
    for each in found:
        when = _fish_when(each, found)
        for word, text in each.words.items():
            described = f" -d {_quoted(text)}" if text else ""
            if word.startswith("--"):
                known = each.values.get(word)
                takes = f" -xa {_quoted(' '.join(known))}" if known else ""
                lines.append(f"complete -c {PROGRAM} -n {when} -l {word[2:]}{takes}{described}")
            else:
                lines.append(f"complete -c {PROGRAM} -n {when} -a {word}{described}")
        if "" in each.values:
            lines.append(f"complete -c {PROGRAM} -n {when} -a {_quoted(' '.join(each.values['']))}")
    return "\n".join(lines) + "\n"


def _fish_when(each: Words, found: list[Words]) -> str:
    if not each.path:
        return "__fish_use_subcommand"
    seen = [f"__fish_seen_subcommand_from {word}" for word in each.path]
    below = [other.path[-1] for other in found if other.path[:-1] == each.path and other.path]
    if below:
        seen.append(f"not __fish_seen_subcommand_from {' '.join(below)}")
    return _quoted("; and ".join(seen))


def powershell(found: list[Words]) -> str:
    table = "".join(
        f"        {_quoted(' '.join(each.path))} = @({', '.join(map(_quoted, _all(each)))})\n"
        for each in found
    )
    values = "".join(
        f"        {_quoted(' '.join((*each.path, option)))} = @({', '.join(map(_quoted, known))})\n"
        for each in found
        for option, known in each.values.items()
        if option
    )
    return f"""\
# {PROGRAM} completion powershell: dot-source it in $PROFILE
Register-ArgumentCompleter -Native -CommandName {PROGRAM} -ScriptBlock {{
    param($typed, $tree, $place)
    $known = @{{
{table}    }}
    $values = @{{
{values}    }}
    $before = @($tree.CommandElements | Select-Object -Skip 1 | ForEach-Object {{ "$_" }})
    if ($typed -ne '' -and $before.Count -gt 0) {{ $before = @($before | Select-Object -SkipLast 1) }}
    $path = ($before | Where-Object {{ $_ -notmatch '^-|\\.' }}) -join ' '
    $last = if ($before.Count -gt 0) {{ $before[-1] }} else {{ '' }}
    $words = $values["$path $last"]
    if (-not $words) {{ $words = $known[$path] }}
    $words | Where-Object {{ $_ -like "$typed*" }} |
        ForEach-Object {{ [System.Management.Automation.CompletionResult]::new($_) }}
}}
"""


def _all(each: Words) -> list[str]:
    return [*each.words, *each.values.get("", ())]


def _pairs(each: Words) -> Iterator[str]:
    for word in _all(each):
        text = each.words.get(word, "").replace(":", "\\:")
        yield _quoted(f"{word}:{text}" if text else word)


def _quoted(text: str) -> str:
    """Return *text* in single quotes; the scripts never hold one inside."""
    return "'" + text.replace("'", "") + "'"


SHELLS: Mapping[str, Callable[[list[Words]], str]] = {
    "bash": bash,
    "zsh": zsh,
    "fish": fish,
    "powershell": powershell,
}
