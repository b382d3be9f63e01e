#!/usr/bin/env node
// Stands for every command in the PATH of a replayed shell line: hands its arguments and its standard input to the
// replaying process and prints what comes back. Plain JavaScript, so that it starts without a loader.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { basename } from 'node:path';

let stdin = '';
try {
  stdin = readFileSync(0, 'utf8');
} catch {
  // Nothing to read from.
}
const socket = connect(process.env['ORACLE_SOCKET'] ?? '');
socket.end(JSON.stringify({ words: [basename(process.argv[1] ?? ''), ...process.argv.slice(2)], stdin }));
let text = '';
socket.on('data', (piece) => (text += piece));
socket.on('end', () => {
  const { rc, stdout, stderr } = JSON.parse(text);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = rc;
});
