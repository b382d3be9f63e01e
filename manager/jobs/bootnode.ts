import { randomBytes } from 'node:crypto';
import type { Facts } from '../../shared/task/facts.ts';
import type { AgentArrival } from '../fleet/types.ts';
import type { VerbRequest } from './types.ts';

/** The verb that says what is to be done with a node that has just booted. */
export const bootnodeVerb = 'bootnode';

/** A node whose facts make no sense has booted all the same. */
function parseFacts(text: string): Partial<Facts> {
  try {
    const facts: unknown = JSON.parse(text);
    return typeof facts === 'object' && facts !== null ? facts : {};
  } catch {
    return {};
  }
}

/** Facts come from outside: what is not text of a sensible length is not passed on. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 1000 ? value : undefined;
}

const mostNotes = 32;

/**
 * What the manager asks of itself when a node is heard from for the first time in its present life. Options:
 * incarnation, agent, once (flag), imagedigest, bootid, kernel, arch, notes (each `name=value`).
 */
export function bootnodeRequest(arrival: AgentArrival): VerbRequest {
  const facts = parseFacts(arrival.facts);
  const notes = Object.entries(facts.notes ?? {})
    .slice(0, mostNotes)
    .flatMap(([name, value]) => (textOf(value) === undefined ? [] : [`${name}=${value}`]));
  const given: Record<string, string | undefined> = {
    incarnation: arrival.incarnation,
    agent: arrival.agent,
    imagedigest: textOf(facts.imageDigest),
    bootid: textOf(facts.bootId),
    kernel: textOf(facts.kernel),
    arch: textOf(facts.arch),
    once: arrival.once ? '' : undefined,
  };
  const options: Record<string, readonly string[]> = notes.length > 0 ? { notes } : {};
  for (const [name, value] of Object.entries(given)) if (value !== undefined) options[name] = [value];
  return {
    verb: bootnodeVerb,
    options,
    operands: [arrival.agent],
    files: {},
    plan: false,
    json: false,
    user: `agent:${arrival.agent}`,
    correlation: randomBytes(8).toString('hex'),
    command: `${bootnodeVerb} ${arrival.agent}`,
  };
}
