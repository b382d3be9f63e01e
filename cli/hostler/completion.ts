import { type CommandDefinition, type CommandLine, type OptionDefinition, letters } from '../command.ts';
import { commandNames, findCommand } from '../commands/index.ts';
import { commonOptions } from '../parse/common.ts';

/*
 * One bash script, made from the definitions; zsh runs the same one through bashcompinit. Names of objects are asked
 * from the manager while the user types, with a bound (names.ts).
 */

export function printCompletion(line: CommandLine, subCommands: readonly CommandDefinition[]): Promise<number> {
  const zsh = line.operands[0] === 'zsh';
  process.stdout.write(
    zsh
      ? `autoload -U +X bashcompinit && bashcompinit\n${completionScript(subCommands)}`
      : completionScript(subCommands),
  );
  return Promise.resolve(0);
}

export function completionScript(subCommands: readonly CommandDefinition[]): string {
  const verbs = commandNames()
    .map(findCommand)
    .filter((definition) => definition !== undefined);
  const all = [...verbs, ...subCommands];
  return [
    '# Completion for hostler and its commands. Made by: hostler completion bash',
    '_hostler_options() {',
    '  case $1 in',
    ...all.map((definition) => `  ${definition.name}) echo ${quote(optionWords(definition).join(' '))} ;;`),
    '  esac',
    '}',
    '# What may follow: words:LIST or names:KIND. $1 command, $2 the word before.',
    '_hostler_values() {',
    '  case "$1 $2" in',
    ...all.flatMap(valueCases),
    '  esac',
    '}',
    '_hostler() {',
    '  local current=${COMP_WORDS[COMP_CWORD]} before= command=${COMP_WORDS[0]##*/} first=1 kind words',
    '  [ "$COMP_CWORD" -gt 0 ] && before=${COMP_WORDS[COMP_CWORD-1]}',
    '  if [ "$command" = hostler ]; then',
    '    if [ "$COMP_CWORD" -eq 1 ]; then',
    `      COMPREPLY=($(compgen -W ${quote(all.map(({ name }) => name).join(' '))} -- "$current"))`,
    '      return',
    '    fi',
    '    command=${COMP_WORDS[1]} first=2',
    '  fi',
    '  if [ "${current#-}" != "$current" ]; then',
    '    COMPREPLY=($(compgen -W "$(_hostler_options "$command")" -- "$current"))',
    '    return',
    '  fi',
    '  kind=$(_hostler_values "$command" "$before")',
    '  case $kind in',
    '  words:*) words=${kind#words:} ;;',
    '  names:*)',
    '    words=$(hostler __names -- "$command" "${kind#names:}" "$current" \\',
    '      "${COMP_WORDS[@]:first:COMP_CWORD-first}" 2>/dev/null) ;;',
    '  *) return ;;',
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '  # More is to be typed behind the name of an attribute or of a table.',
    '  case ${COMPREPLY[0]} in *= | *.) compopt -o nospace 2>/dev/null ;; esac',
    '}',
    `complete -o default -F _hostler hostler ${verbs.map(({ name }) => name).join(' ')}`,
    '',
  ].join('\n');
}

function optionWords(definition: CommandDefinition): string[] {
  return [...definition.options, ...commonOptions(definition)]
    .filter(({ hidden }) => hidden !== true)
    .flatMap(optionForms);
}

function optionForms(option: OptionDefinition): string[] {
  const short = letters(option).map((letter) => `-${letter}`);
  return option.long === undefined ? short : [...short, `--${option.long}`];
}

function valueCases(definition: CommandDefinition): string[] {
  const cases = definition.options
    .filter((option) => option.complete !== undefined)
    .map(
      (option) =>
        `  ${optionForms(option)
          .map((form) => quote(`${definition.name} ${form}`))
          .join('|')}) echo ${quote(source(option.complete))} ;;`,
    );
  return definition.complete === undefined
    ? cases
    : [...cases, `  ${quote(`${definition.name} `)}*) echo ${quote(source(definition.complete))} ;;`];
}

function source(complete: string | readonly string[] | undefined): string {
  return typeof complete === 'string' ? `names:${complete}` : `words:${(complete ?? []).join(' ')}`;
}

/** For the shell that reads the script. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
