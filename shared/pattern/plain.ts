/**
 * Says whether the backtracking engine of the runtime may be trusted with an expression: single characters and classes
 * only, no group, no alternative, at most two unbounded repetitions. On short texts that costs at most the square of
 * their length, and it is many times faster there than the linear engine, whose first thousands of calls are slow.
 */
export function isPlain(source: string): boolean {
  let unbounded = 0;
  let at = 0;
  while (at < source.length) {
    const piece = plainPiece.exec(source.slice(at, at + 200))?.[0];
    if (piece === undefined) return false;
    if (/(?:[*+]|,\})$/.test(piece) && !piece.endsWith('\\*') && !piece.endsWith('\\+') && !piece.endsWith('\\}'))
      unbounded += 1;
    at += piece.length;
  }
  return unbounded <= 2;
}

// One character, class or dot and what may follow it. Anchors only where both engines agree on them.
const plainPiece =
  /^(?:\^|\$|(?:[A-Za-z0-9 _:;,@%&=!<>~#/"'`-]|\.|\\[dwDW.[\](){}*+?|^$/\\-]|\[\^?(?:[A-Za-z0-9 _:;,.@%=-])+\])(?:[*+?]|\{\d{1,3}\})?)/;
