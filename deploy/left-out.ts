import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/**
 * Parts of libraries that the agent never uses, with what they would be for. In its bundle an empty module stands in
 * their place; its one function is what grpc-js calls of each load balancer when it starts. Nothing else of them is
 * touched when the agent runs, and a bundle that did so would fail its first test: the e2e tests run bundles.
 */
const leftOut: readonly { readonly files: RegExp; readonly why: string; readonly instead?: string }[] = [
  {
    files: /nats\/lib\/jetstream\//,
    why: 'streams, key-value and object stores: an agent only publishes and subscribes',
  },
  { files: /nats\/lib\/nats-base-client\/(service|serviceclient|bench|typedsub|js-sha256)\.js$/, why: 'as above' },
  { files: /node_modules\/(nkeys\.js|tweetnacl)\//, why: "the agent signs with the system's own Ed25519" },
  {
    files: /grpc-js\/build\/src\/(server|server-call|server-credentials|server-interceptors|certificate-provider)\.js$/,
    why: 'an agent is no gRPC server',
  },
  {
    files: /grpc-js\/build\/src\/(orca|load-balancer-(outlier-detection|weighted-round-robin|round-robin))\.js$/,
    why: 'there is one manager',
  },
  { files: /grpc-js\/build\/src\/experimental\.js$/, why: 'names for those who extend grpc-js' },
  {
    files: /grpc-js\/build\/src\/channelz\.js$/,
    why: 'a service that tells of channels, which only a gRPC server has; its counters count nothing',
    instead: `
      class Nothing { addTrace() {} refChild() {} unrefChild() {} addCallStarted() {} addCallSucceeded() {} addCallFailed() {} }
      const names = ['Trace', 'ChildrenTracker', 'CallTracker'];
      for (const name of names) exports['Channelz' + name] = exports['Channelz' + name + 'Stub'] = Nothing;
      let last = 0;
      for (const kind of ['Channel', 'Subchannel', 'Server', 'Socket'])
        exports['registerChannelz' + kind] = (name) => ({ kind: kind.toLowerCase(), id: (last += 1), name });
      exports.unregisterChannelzRef = exports.setup = () => {};
    `,
  },
  {
    files: /protobufjs\/ext\/descriptor\//,
    why: 'how a contract describes itself to those who ask a server: an agent is none',
    instead: `
      const { Root, Type, Enum } = require('../..');
      Root.prototype.toDescriptor = () => ({ file: [] });
      Type.prototype.toDescriptor = Enum.prototype.toDescriptor = () => ({ $type: { toObject: () => ({}) } });
    `,
  },
  {
    files: /protobufjs\/google\/protobuf\/descriptor\.json$/,
    why: 'what .proto files may import by that name: none is read',
    instead: 'module.exports = { nested: { google: { nested: { protobuf: { nested: {} } } } } };',
  },
  {
    files: /node_modules\/long\//,
    why: 'whole numbers of more than 53 bits: nothing we send needs them, and protobufjs does without',
    instead: 'module.exports = {};',
  },
  { files: /protobufjs\/src\/(parse|tokenize)\.js$/, why: 'the contract comes as a descriptor, not as .proto files' },
  {
    files: /node_modules\/(thread-stream|on-exit-leak-free|real-require)\//,
    why: 'the log is written by the process itself',
  },
  { files: /node_modules\/pino\/lib\/transport/, why: 'as above' },
  {
    files: /node_modules\/lodash\.camelcase\//,
    why: 'another name for methods of the contract, all of which are PascalCase: it is only looked at',
    instead: 'module.exports = (name) => name.charAt(0).toLowerCase() + name.slice(1);',
  },
];

export const leaveOut: Plugin = {
  name: 'left-out',
  setup(build) {
    for (const { files, instead = 'module.exports = { setup() {} };' } of leftOut) {
      build.onLoad({ filter: files }, () => ({ contents: instead, loader: 'js' }));
    }
    // It is asked for its version alone.
    build.onLoad({ filter: /grpc-js\/package\.json$/ }, async ({ path }) => {
      const { version } = JSON.parse(await readFile(path, 'utf8')) as { readonly version: string };
      return { contents: JSON.stringify({ version }), loader: 'json' };
    });
  },
};
