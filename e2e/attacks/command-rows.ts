/** Attacks of clients that are logged in as the user `default`: what they may not run, in every disguise. */
import type { Attack } from './table.ts'
import { command, inline, type Place, talk } from './wire.ts'

export interface CommandTarget {
  readonly place: Place
  /** What is sent first: the login. */
  readonly login: Buffer
  /** Sharded groups: commands that change the cluster are closed too. */
  readonly sharded: boolean
}

const closed: readonly string[] = [
  ...[
    'CONFIG GET *',
    'CONFIG GET requirepass',
    'CONFIG SET dir /tmp',
    'CONFIG SET requirepass x',
    'CONFIG REWRITE',
    'CONFIG RESETSTAT',
  ],
  ...['MODULE LIST', 'MODULE LOAD /tmp/x.so', 'MODULE LOADEX /tmp/x.so', 'MODULE UNLOAD x'],
  ...[
    'DEBUG SLEEP 0',
    'DEBUG JMAP',
    'DEBUG SEGFAULT',
    'DEBUG RELOAD',
    'DEBUG SET-ACTIVE-EXPIRE 0',
    'PFDEBUG ENCODING x',
    'PFSELFTEST',
  ],
  ...['REPLICAOF 127.0.0.1 1', 'REPLICAOF NO ONE', 'SLAVEOF 127.0.0.1 1', 'SLAVEOF NO ONE', 'FAILOVER', 'FAILOVER ABORT'],
  ...['MIGRATE 127.0.0.1 1 key 0 1000', 'MIGRATE 127.0.0.1 1 key 0 1000 AUTH x'],
  ...['SAVE', 'BGSAVE', 'BGSAVE SCHEDULE', 'BGREWRITEAOF', 'SHUTDOWN', 'SHUTDOWN NOSAVE', 'SHUTDOWN ABORT'],
  ...['SYNC', 'PSYNC ? -1', 'PSYNC 0000000000000000000000000000000000000000 0', 'RESTORE-ASKING key 0 x'],
  ...['REPLCONF listening-port 1', 'REPLCONF capa eof capa psync2', 'REPLCONF ack 0', 'REPLCONF getack *', 'REPLCONF rdb-only 1'],
  ...['ACL SETUSER thief on nopass ~* +@all', 'ACL GETUSER default', 'ACL GETUSER larder', 'ACL LIST', 'ACL DELUSER larder'],
  ...['ACL LOG', 'ACL LOG RESET', 'ACL SAVE', 'ACL LOAD', 'ACL DRYRUN larder GET x', 'ACL GENPASS'],
]

const closedInShards: readonly string[] = [
  ...['CLUSTER MEET 127.0.0.1 6379', 'CLUSTER FORGET x', 'CLUSTER RESET', 'CLUSTER RESET HARD', 'CLUSTER FAILOVER TAKEOVER'],
  ...['CLUSTER ADDSLOTS 1', 'CLUSTER ADDSLOTSRANGE 1 2', 'CLUSTER DELSLOTS 1', 'CLUSTER DELSLOTSRANGE 1 2', 'CLUSTER FLUSHSLOTS'],
  ...['CLUSTER SETSLOT 1 NODE x', 'CLUSTER REPLICATE x', 'CLUSTER SET-CONFIG-EPOCH 9', 'CLUSTER BUMPEPOCH', 'CLUSTER SAVECONFIG'],
]

const wordsOf = (text: string): readonly string[] => text.split(' ')
const mixed = (text: string): string =>
  [...text].map((letter, index) => (index % 2 === 0 ? letter.toLowerCase() : letter.toUpperCase())).join('')
const list = ({ sharded }: CommandTarget): readonly string[] => (sharded ? [...closed, ...closedInShards] : closed)

/** How many of the commands were refused with one of these words, and what was said to the others. */
const each = async (target: CommandTarget, parts: (text: string) => readonly Buffer[], refusal: RegExp): Promise<string> => {
  const commands = list(target)
  const answers = await Promise.all(commands.map((text) => talk(target.place, target.login, ...parts(text))))
  const open = answers.flatMap((answer, index) => (refusal.test(answer) ? [] : [`${commands[index]}: ${answer}`]))
  return open.length === 0 ? `refused ${commands.length} of ${commands.length}` : open.join('\n')
}

/** The login is answered with one line; what follows has to be the refusal. */
const noPermission = /^\+OK\r\n-(?:NOPERM|ERR (?:DEBUG|MODULE) command not allowed)[^\r\n]*$/
const inTransaction =
  /^\+OK\r\n\+OK\r\n-(?:NOPERM|ERR (?:DEBUG|MODULE) command not allowed|ERR Command (?:'\w+' )?not allowed inside a transaction)[^\r\n]*\r\n-EXECABORT/
/** Scripts: the engines word it in three ways, and some commands may not stand in scripts at all. */
const inScript =
  /^\+OK\r\n-(?:NOPERM|ERR)[^\r\n]*(?:ACL failure in script|can't run this command|no permissions|not allowed|[Uu]nknown)/
const insideFunction =
  /\r\n-(?:NOPERM|ERR)[^\r\n]*(?:ACL failure in script|can't run this command|no permissions|not allowed|[Uu]nknown)[^\r\n]*$/

const luaWords = (text: string): string =>
  wordsOf(text)
    .map((word) => `'${word}'`)
    .join(',')

const disguise = (name: string, parts: (text: string) => readonly Buffer[], refusal = noPermission): Attack<CommandTarget> => ({
  name,
  how: (target) => each(target, parts, refusal),
  must: /^refused (\d+) of \1$/,
})

const nameOf = (text: string): string => `steal_${text.replaceAll(/\W/g, '_')}`

/** A library and a function for each: they are tried side by side. */
const library = (text: string): Buffer =>
  command(
    ...['FUNCTION', 'LOAD', 'REPLACE'],
    `#!lua name=${nameOf(text)}\nredis.register_function('${nameOf(text)}', function() return redis.call(${luaWords(text)}) end)`,
  )

export const disguises: readonly Attack<CommandTarget>[] = [
  disguise('closed commands, as they are', (text) => [command(...wordsOf(text))]),
  disguise('closed commands in lower case', (text) => [command(...wordsOf(text.toLowerCase()))]),
  disguise('closed commands in mixed case', (text) => [command(...wordsOf(mixed(text)))]),
  disguise('closed commands on a line', (text) => [inline(text)]),
  disguise('closed commands on a line, in quotes and with escapes', (text) => [
    inline(
      wordsOf(text)
        .map((word) => `"\\x${word.charCodeAt(0).toString(16).padStart(2, '0')}${word.slice(1)}"`)
        .join('   '),
    ),
  ]),
  disguise(
    'closed commands in a transaction',
    (text) => [command('MULTI'), command(...wordsOf(text)), command('EXEC')],
    inTransaction,
  ),
  disguise('closed commands in a script', (text) => [command('EVAL', `return redis.call(${luaWords(text)})`, '0')], inScript),
  disguise(
    'closed commands in a script, mixed case',
    (text) => [command('EVAL', `return redis.call(${luaWords(mixed(text))})`, '0')],
    inScript,
  ),
  disguise(
    'closed commands in a script that catches errors',
    (text) => [command('EVAL', `local found = redis.pcall(${luaWords(text)}); return found`, '0')],
    inScript,
  ),
  disguise(
    'closed commands in a script of a transaction',
    (text) => [command('MULTI'), command('EVAL', `return redis.call(${luaWords(text)})`, '0'), command('EXEC')],
    insideFunction,
  ),
  disguise('closed commands in a function', (text) => [library(text), command('FCALL', nameOf(text), '0')], insideFunction),
  disguise(
    'closed commands in version 3 of the protocol',
    (text) => [command('HELLO', '3'), command(...wordsOf(text))],
    /\r\n-(?:NOPERM|ERR (?:DEBUG|MODULE) command not allowed)[^\r\n]*$/,
  ),
  disguise(
    'closed commands with a zero byte behind the name',
    (text) => {
      const [name = '', ...rest] = wordsOf(text)
      return [command(`${name}\0`, ...rest)]
    },
    // Engines compare names up to the zero byte, and look for them by a hash of all of it, with a seed of its own in each process: now and then they find one.
    /^\+OK\r\n-(?:ERR unknown command|NOPERM|ERR (?:DEBUG|MODULE) command not allowed)/,
  ),
]
