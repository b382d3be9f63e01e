import { type CommandDefinition, type OptionDefinition, letters } from '../command.ts';

const help: OptionDefinition = { long: 'help', short: 'h', help: 'Show this text' };
const version: OptionDefinition = { long: 'version', short: 'v', help: 'Show the version' };
const json: OptionDefinition = { long: 'json', help: 'Answer with JSON' };
const plan: OptionDefinition = { long: 'plan', help: 'Show what would change; change nothing' };

/**
 * What every command takes, where it does not define the name or the letter itself. Looked at after the command's own
 * options, so that these never make one of xCAT's abbreviations ambiguous.
 */
export function commonOptions(definition: CommandDefinition): readonly OptionDefinition[] {
  const taken = new Set(definition.options.flatMap((option) => [option.long ?? '', ...letters(option)]));
  return [plan, json, help, version]
    .filter((option) => option !== plan || definition.changes === true)
    .filter(({ long }) => !taken.has(long ?? ''))
    .map((option) => {
      const { short, ...rest } = option;
      return short === undefined || taken.has(short) ? rest : option;
    });
}
