/** Who may import whom: ARCHITECTURE.md, section 4. Composition roots (main.ts) wire the rooms together. */
const root = '(^|/)main\\.ts$';

module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'shared-stands-alone',
      comment: 'shared is what both sides need and nobody owns',
      severity: 'error',
      from: { path: '^shared/' },
      to: { path: '^(cli|manager|agent|deploy|test)/' },
    },
    {
      name: 'manager-and-agent-never-meet',
      severity: 'error',
      from: { path: '^(manager|agent)/' },
      to: { path: '^(manager|agent)/', pathNot: '^$1/' },
    },
    {
      name: 'nothing-imports-cli',
      comment: 'but the build, which makes one link a command, and tests',
      severity: 'error',
      from: { pathNot: '^(cli|test|deploy)/' },
      to: { path: '^cli/' },
    },
    {
      name: 'cli-imports-shared-only',
      severity: 'error',
      from: { path: '^cli/' },
      to: { path: '^(manager|agent|deploy|test)/' },
    },
    {
      name: 'product-without-tests',
      severity: 'error',
      from: { path: '^(shared|cli|manager|agent)/' },
      to: { path: '^(test|deploy)/' },
    },
    {
      name: 'verbs-are-pure',
      comment: 'verbs import shared and each other, and nothing of Node that does something (net is there for isIP)',
      severity: 'error',
      from: { path: '^manager/verbs/' },
      to: {
        path: '^(manager/(?!verbs/)|shared/(process|wire)/|(node:)?(fs|child_process|https?|http2|dns|os|crypto|tls|dgram|worker_threads|timers)($|/))',
        pathNot: '^manager/verbs/',
      },
    },
    {
      name: 'jobs-know-fleet-and-registry-by-contract',
      severity: 'error',
      from: { path: '^manager/jobs/', pathNot: root },
      to: { path: '^manager/api/' },
    },
    {
      name: 'registry-knows-nobody',
      severity: 'error',
      from: { path: '^manager/registry/' },
      to: { path: '^manager/(api|jobs|verbs|fleet)/' },
    },
    {
      name: 'fleet-knows-no-jobs',
      severity: 'error',
      from: { path: '^manager/fleet/' },
      to: { path: '^manager/(api|jobs|verbs)/' },
    },
    {
      name: 'packages-are-declared',
      severity: 'error',
      from: { path: '^(shared|cli|manager|agent)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    { name: 'everything-is-found', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|dist\\.new|\\.hostler)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
