import tseslint from 'typescript-eslint';

/** Programs are run through shared/process, as argument vectors; nothing of ours is ever read by a shell. */
const noShell = [
  {
    selector: "Property[key.name='shell'][value.value!=false]",
    message: 'No shell: give an argument vector to shared/process.',
  },
  {
    selector:
      'CallExpression[callee.name=/^(exec|execSync)$/], CallExpression[callee.object.name=/^(child_process|cp)$/][callee.property.name=/^exec(Sync)?$/]',
    message: 'No shell strings: give an argument vector to shared/process.',
  },
];

const childProcess = {
  name: 'node:child_process',
  message: 'Programs are run through shared/process.',
};

export default tseslint.config(
  {
    ignores: [
      'dist*/**',
      'node_modules/**',
      '.hostler/**',
      'coverage/**',
      'shared/wire/generated/**',
      '**/*.generated.ts',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-restricted-syntax': ['error', ...noShell],
      'no-restricted-imports': ['error', { paths: [childProcess, { ...childProcess, name: 'child_process' }] }],
      eqeqeq: 'error',
      'no-console': 'error',
      'no-eval': 'error',
      'no-new-func': 'error',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'separate-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      // Interfaces that may wait are implemented by backends that need not.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
    },
  },
  {
    // The one place that starts programs; tests and tools of the project start theirs as they need.
    files: ['shared/process/**', 'proto/**', 'test/**', 'deploy/**'],
    rules: { 'no-restricted-imports': 'off' },
  },
  {
    files: ['test/**', 'deploy/**'],
    rules: { 'no-console': 'off' },
  },
  {
    // Control characters are what these files are about.
    files: ['**/*.ts'],
    rules: { 'no-control-regex': 'off' },
  },
);
