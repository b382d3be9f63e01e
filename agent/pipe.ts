import { connect } from 'node:net';

/** Standard input and output joined with a unix socket, until either side ends. Returns the exit code. */
export function pipeTo(path: string): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('error', (error) => {
      process.stderr.write(`${error.message}\n`);
      resolve(1);
    });
    socket.on('close', () => resolve(0));
    process.stdin.pipe(socket);
    socket.pipe(process.stdout);
  });
}
