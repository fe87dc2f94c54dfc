import regexp from 'eslint-plugin-regexp'
import tseslint from 'typescript-eslint'

const onlyDbMayUseDrizzle = {
  regex: '^(drizzle-orm|drizzle-kit|@neondatabase)(/|$)',
  message: 'Only db/ talks to Postgres: call a verb or a read from db/ instead.',
}
const kmsStaysInOneBundle = {
  regex: '^@aws-sdk/|/withdraw/|^aws4fetch$',
  message:
    'functions/spot-withdraw-request.ts alone enters _lib/withdraw: no other bundle may carry KMS code.',
}
const settleStaysInOneBundle = {
  regex: '/_lib/settle/|^\\.\\./settle/',
  message: 'functions/settle.ts alone enters _lib/settle: no endpoint reads the chain by itself.',
}
const noZodObject = {
  name: 'zod',
  message: "Use `import * as z from 'zod/mini'`: the classic build costs every function 20 KB.",
}
const noOtherEndpoint = {
  regex: '^\\./(?!_lib/)',
  message: 'No endpoint imports another: move what both need to functions/_lib.',
}
const functionsStayBelow = {
  regex: '(^|/)(scripts|tests)/|^(\\.\\./){2}[a-z-]+\\.ts$',
  message: 'functions/_lib may import db/ and its own rooms, nothing above: no endpoint, no script, no test.',
}
const dbImportsNothingAbove = {
  regex: '(^|/)(functions|scripts|tests)/',
  message: 'db/ is the bottom layer: it imports nothing of this project.',
}
/** The rooms of functions/_lib, and into which others each may look: no way leads back. The ground is everybody's. */
const ROOMS = {
  http: [],
  wallet: [],
  chain: [],
  vault: [],
  witness: [],
  access: ['http', 'wallet'],
  login: ['chain', 'wallet'],
  money: ['access', 'wallet'],
  signed: ['http', 'money', 'wallet'],
  stream: ['access', 'http'],
  withdraw: ['chain', 'vault', 'witness'],
  settle: ['chain', 'vault', 'witness'],
}
const wallOf = (room) => ({
  regex: `^\\.\\./(?!(?:${[...ROOMS[room], '\\.\\.'].join('|')})/)[a-z-]+/`,
  message: `_lib/${room} may look into ${ROOMS[room].join(', ') || 'no other room'}: give it what it needs as an argument, or move the file.`,
})
const groundIsBelow = {
  regex: '^\\./[a-z-]+/',
  message: 'The files of _lib itself are the ground: they import no room.',
}
const ofEndpoints = [onlyDbMayUseDrizzle, noOtherEndpoint]
const ofRooms = [onlyDbMayUseDrizzle, functionsStayBelow]
const restrict = (patterns, paths = []) => ({
  'no-restricted-imports': ['error', { patterns, paths: [noZodObject, ...paths] }],
})

export default tseslint.config(
  { ignores: ['node_modules/', '.local/', '.wrangler/', 'dist/'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        project: ['tsconfig.json', 'tsconfig.functions.json'],
        tsconfigRootDir: process.cwd(),
      },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/return-await': ['error', 'always'],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      eqeqeq: 'error',
      'no-console': 'off',
    },
  },
  {
    // Whoever calls chooses the text: what a pattern does with it must grow no faster than the text.
    files: ['functions/**/*.ts', 'db/**/*.ts'],
    plugins: { regexp },
    rules: {
      'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
      'regexp/no-super-linear-move': ['error', { report: 'potential', ignorePartial: false }],
    },
  },
  {
    // What is thrown ends in a log, and a log shows only the messages of our own errors.
    files: ['functions/**/*.ts', 'db/*.ts', 'db/ledger/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: "NewExpression[callee.name='Error']",
          message: 'Throw an OwnError (db/errors.ts): its message may be logged, so let it quote nothing.',
        },
      ],
    },
  },
  {
    files: ['functions/*.ts'],
    rules: restrict([...ofEndpoints, kmsStaysInOneBundle, settleStaysInOneBundle]),
  },
  {
    files: ['functions/spot-withdraw-request.ts'],
    rules: restrict([...ofEndpoints, settleStaysInOneBundle]),
  },
  { files: ['functions/settle.ts'], rules: restrict([...ofEndpoints, kmsStaysInOneBundle]) },
  {
    files: ['functions/index.ts'],
    rules: restrict([onlyDbMayUseDrizzle, kmsStaysInOneBundle, settleStaysInOneBundle]),
  },
  { files: ['functions/_lib/*.ts'], rules: restrict([...ofRooms, groundIsBelow, kmsStaysInOneBundle]) },
  ...Object.keys(ROOMS).map((room) => ({
    files: [`functions/_lib/${room}/**/*.ts`],
    rules: restrict([...ofRooms, wallOf(room), ...(room === 'withdraw' ? [] : [kmsStaysInOneBundle])]),
  })),
  {
    // What does not fit on a few screens is more than one thing. The limits are one list, and stay together.
    files: ['functions/_lib/**/*.ts'],
    ignores: ['functions/_lib/limits.ts'],
    rules: { 'max-lines': ['error', 200], 'max-lines-per-function': ['error', 60] },
  },
  { files: ['db/**/*.ts'], rules: restrict([dbImportsNothingAbove]) },
  // Destructured viem actions are free functions; the rule cannot see that.
  { files: ['scripts/**/*.ts', 'tests/**/*.ts'], rules: { '@typescript-eslint/unbound-method': 'off' } },
  {
    // Tests state the shape of an answer by what they compare it with.
    files: ['tests/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [{ name: 'vitest', importNames: ['it'], message: 'Say `test`: one word for one thing.' }] },
      ],
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
    },
  },
  { files: ['**/*.js', '**/*.mjs'], ...tseslint.configs.disableTypeChecked },
)
