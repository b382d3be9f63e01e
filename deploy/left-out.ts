import type { Plugin } from 'esbuild';

/**
 * Parts of libraries that the agent never uses, with what they would be for. In its bundle an empty module stands in
 * their place; its one function is what grpc-js calls of each load balancer when it starts. Nothing else of them is
 * touched when the agent runs, and a bundle that did so would fail its first test: the e2e tests run bundles.
 */
const leftOut: readonly { readonly files: RegExp; readonly why: string }[] = [
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
  { files: /protobufjs\/src\/(parse|tokenize)\.js$/, why: 'the contract comes as a descriptor, not as .proto files' },
  {
    files: /node_modules\/(thread-stream|on-exit-leak-free|real-require)\//,
    why: 'the log is written by the process itself',
  },
];

export const leaveOut: Plugin = {
  name: 'left-out',
  setup(build) {
    for (const { files } of leftOut) {
      build.onLoad({ filter: files }, () => ({ contents: 'module.exports = { setup() {} };', loader: 'js' }));
    }
  },
};
