/** First words of a file that is ours alone, behind its comment sign: the agent knows it by them again. */
export function ownMark(comment: string, command: string): string {
  return `${comment} Made by hostler: ${command} writes this file anew. Changes by hand are lost.`;
}
