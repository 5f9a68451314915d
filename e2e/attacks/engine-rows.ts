/** Attacks on a group with TLS and a token: getting in without the token, and out of the sandbox with it. */
import type { Attack } from './table.ts'
import { command, inline, type Place, talk } from './wire.ts'

export interface EngineTarget {
  readonly place: Place
  readonly token: string
  /** Replaced by SET. */
  readonly oldToken: string
  /** Of another group of the same home. */
  readonly otherToken: string
}

/** As `AUTH` and `HELLO` take them; every pair has to be refused. */
const guesses = ({ token, oldToken, otherToken }: EngineTarget): readonly (readonly string[])[] => [
  ...['', 'larder', 'larder-replication', 'default', 'password', token].flatMap((password) => [
    ['larder', password],
    ['larder-replication', password],
  ]),
  ...[
    '',
    'default',
    oldToken,
    otherToken,
    token.toUpperCase(),
    token.slice(0, -1),
    `${token} `,
    `${token}\0`,
    `>${token}`,
    `#${token}`,
  ].map((password) => ['default', password]),
  ['', ''],
  ['', token],
  ['*', token],
  ['DEFAULT', token],
  ['root', token],
]

const refusedAll = async (place: Place, tried: readonly (readonly Buffer[])[], refusal: RegExp): Promise<string> => {
  const answers = await Promise.all(tried.map((parts) => talk(place, ...parts)))
  const others = answers.flatMap((answer, index) =>
    refusal.test(answer) ? [] : [`${String(tried[index]?.[0]).replaceAll('\r\n', ' ')}: ${answer}`],
  )
  return others.length === 0 ? `refused ${tried.length} of ${tried.length}` : others.join('\n')
}

const all = /^refused (\d+) of \1$/

/** Every kind of command that somebody may try before logging in. */
const early: readonly string[] = [
  ...[
    'GET x',
    'SET x y',
    'DEL x',
    'KEYS *',
    'SCAN 0',
    'DBSIZE',
    'FLUSHALL',
    'INFO',
    'PING',
    'ECHO x',
    'TIME',
    'COMMAND',
    'LOLWUT',
  ],
  ...[
    'EVAL return(1) 0',
    'SCRIPT FLUSH',
    'FUNCTION LIST',
    'FCALL x 0',
    'MULTI',
    'EXEC',
    'WATCH x',
    'SELECT 1',
    'WAIT 0 0',
    'ASKING',
  ],
  ...[
    'SUBSCRIBE x',
    'PSUBSCRIBE *',
    'SSUBSCRIBE x',
    'PUBLISH x y',
    'MONITOR',
    'CLIENT LIST',
    'CLIENT KILL TYPE normal',
    'CLIENT PAUSE 1',
  ],
  ...['CLIENT TRACKING ON', 'ACL WHOAMI', 'ACL USERS', 'CONFIG GET *', 'CLUSTER NODES', 'READONLY', 'PSYNC ? -1', 'SYNC', 'ROLE'],
  ...[
    'REPLCONF listening-port 1',
    'SHUTDOWN NOSAVE',
    'REPLICAOF NO ONE',
    'DEBUG SLEEP 1',
    'MODULE LIST',
    'LATENCY LATEST',
    'SLOWLOG GET',
  ],
]

/** Before Valkey 9.1 the engines look whether DEBUG and MODULE are shut off before they look who asks. */
const noLogin = '-(?:NOAUTH|EXECABORT[^\\r]*NOAUTH|ERR (?:DEBUG|MODULE) command not allowed)'
const beforeLogin = new RegExp(`^${noLogin}`)
const afterFailure = new RegExp(`^-WRONGPASS[^\\r]*\\r\\n${noLogin}`)

const wordsOf = (text: string): readonly string[] => text.split(' ')
const say =
  (...parts: readonly Buffer[]): Attack<EngineTarget>['how'] =>
  ({ place }) =>
    talk(place, ...parts)
const login = ({ token }: EngineTarget): Buffer => command('AUTH', token)
const script =
  (code: string): Attack<EngineTarget>['how'] =>
  (target) =>
    talk(target.place, login(target), command('EVAL', code, '0'))

const entrance: readonly Attack<EngineTarget>[] = [
  {
    name: 'commands before the login',
    how: ({ place }) =>
      refusedAll(
        place,
        early.map((text) => [command(...wordsOf(text))]),
        beforeLogin,
      ),
    must: all,
  },
  {
    name: 'commands before the login, on a line',
    how: ({ place }) =>
      refusedAll(
        place,
        early.map((text) => [inline(text.toLowerCase())]),
        beforeLogin,
      ),
    must: all,
  },
  {
    name: 'commands after a login that failed',
    how: ({ place }) =>
      refusedAll(
        place,
        early.map((text) => [command('AUTH', 'x'), command(...wordsOf(text))]),
        afterFailure,
      ),
    must: all,
  },
  {
    name: 'guessed names and passwords',
    how: (target) =>
      refusedAll(
        target.place,
        guesses(target).map((pair) => [command('AUTH', ...pair)]),
        /^-WRONGPASS[^\r]*$/,
      ),
    must: all,
  },
  {
    name: 'guessed names and passwords by HELLO',
    how: (target) =>
      refusedAll(
        target.place,
        guesses(target).map((pair) => [command('HELLO', '3', 'AUTH', ...pair)]),
        /^-(?:WRONGPASS|NOAUTH)[^\r]*$/,
      ),
    must: all,
  },
  { name: 'HELLO without a login', how: say(command('HELLO', '3')), must: /^-NOAUTH/ },
  { name: 'RESET after nothing', how: say(command('RESET'), command('KEYS', '*')), must: /^\+RESET\r\n-NOAUTH/ },
  {
    name: 'logged out by RESET',
    how: (target) => talk(target.place, login(target), command('RESET'), command('GET', 'x')),
    must: /^\+OK\r\n\+RESET\r\n-NOAUTH/,
  },
  {
    name: 'a token that SET has replaced',
    how: ({ place, oldToken }) => talk(place, command('AUTH', oldToken), command('GET', 'x')),
    must: /^-WRONGPASS[^\r]*\r\n-NOAUTH/,
  },
  {
    name: 'the token of another group',
    how: ({ place, otherToken }) => talk(place, command('AUTH', otherToken), command('GET', 'x')),
    must: /^-WRONGPASS[^\r]*\r\n-NOAUTH/,
  },
  { name: 'many words before the login', how: say(Buffer.from('*100000\r\n')), must: /unauthenticated multibulk length|closed/ },
  {
    name: 'a long word before the login',
    how: say(Buffer.from('*2\r\n$3\r\nGET\r\n$10000000\r\n')),
    must: /unauthenticated bulk length|closed/,
  },
  { name: 'a page in a browser', how: say(Buffer.from('POST / HTTP/1.1\r\nHost: x\r\n\r\nFLUSHALL\r\n')), must: /closed/ },
  {
    name: 'bytes that are no command',
    how: say(Buffer.from('\xff\xfe\r\n*-1\r\n$-1\r\n*1\r\n:1\r\n', 'latin1')),
    must: /^-|closed/,
    never: /^\+/m,
  },
]

/** What a script may not reach: files, programs, other code, and the tables that all scripts share. */
const sandbox: readonly Attack<EngineTarget>[] = (
  [
    ['reads a file', "return io.open('/etc/passwd'):read('*a')"],
    ['runs a program', "return os.execute('id')"],
    ['runs a program by popen', "return io.popen('id'):read('*a')"],
    ['leaves by os.exit', 'os.exit(1)'],
    ['loads a file', "return loadfile('/etc/passwd')"],
    ['does a file', "return dofile('/etc/passwd')"],
    ['requires a module', "return require('os')"],
    ['loads a library by package', "return package.loadlib('/usr/lib/x86_64-linux-gnu/liblua5.1.so.0', 'luaopen_io')"],
    ['looks into its host by debug', 'return debug.getregistry()'],
    ['loads compiled code', 'return loadstring(string.dump(function() return 7331 end))()'],
    ['loads compiled code of its own', "return loadstring('\\27Lua\\81\\0\\1\\4\\8\\4\\8\\0')()"],
    ['changes a function of all scripts', "redis.call = function() return 'changed' end return 7331"],
    ['changes a table of all scripts', "getmetatable('').__index.upper = function() return 'changed' end return 7331"],
    // CVE-2025-46818: the table behind all strings, by another name.
    ['changes what all strings can', "getmetatable('').__index = {upper = function() return 'changed' end} return 7331"],
    ['makes strings into functions', "getmetatable('').__call = function() return 7331 end return ('')()"],
    ['takes the table of all strings away', "getmetatable('').__index = nil return 7331"],
    ['makes a global', 'stolen = 7331 return stolen'],
    ['replaces the metatable of globals', 'setmetatable(_G, {}) return 7331'],
    ['changes a library', 'string.rep = nil return 7331'],
  ] as const
).map(([name, code]) => ({ name: `a script ${name}`, how: script(code), must: /^\+OK\r\n-/, never: /uid=|root:|7331$/ }))

/** A path of this machine: from the root, and longer than a name that says nothing. */
const machinePath = /(?<![.\w])\/(?!proc\/self\/fd\/)[\w.-]+\/[\w.-]/

/** Whoever is logged in is shown names by which nobody learns where the home is, and who its user. */
const shown: readonly Attack<EngineTarget>[] = [
  {
    name: 'paths of the machine in INFO',
    how: (target) => talk(target.place, login(target), command('INFO', 'everything')),
    must: /\r\nexecutable:\/(?:valkey|redis)-server\r\nconfig_file:\/proc\/self\/fd\/3\r\n/,
    never: machinePath,
  },
  {
    name: 'paths of the machine in CLIENT LIST, where control is connected too',
    how: (target) => talk(target.place, login(target), command('CLIENT', 'LIST')),
    must: /id=\d+ addr=/,
    never: machinePath,
  },
  {
    name: 'paths of the machine in HELLO, which lists the modules with what they were loaded with',
    how: ({ place, token }) => talk(place, command('HELLO', '2', 'AUTH', 'default', token), command('HELLO', '3')),
    must: /modules\r\n/,
    never: machinePath,
  },
]

/** A function stays in the engine: what it changes while it is loaded stays too. */
const functions: readonly Attack<EngineTarget>[] = [
  {
    name: 'a function that changes what all strings can while it is loaded',
    how: (target) => {
      const code = "#!lua name=thief\ngetmetatable('').__index = {} redis.register_function('steal', function() return 7331 end)"
      return talk(target.place, login(target), command('FUNCTION', 'LOAD', code), command('FCALL', 'steal', '0'))
    },
    must: /^\+OK\r\n-[^\r]*\r\n-/,
    never: /7331|thief/,
  },
  {
    name: 'a function that changes what all strings can when it is called',
    how: (target) => {
      const code = "#!lua name=thief\nredis.register_function('steal', function() getmetatable('').__index = {} return 7331 end)"
      return talk(target.place, login(target), command('FUNCTION', 'LOAD', code), command('FCALL', 'steal', '0'))
    },
    must: /^\+OK\r\n\$5\r\nthief\r\n-/,
    never: /7331/,
  },
]

export const engineAttacks: readonly Attack<EngineTarget>[] = [...entrance, ...sandbox, ...functions, ...shown]
