/** Attacks of users with less than everything, and of nobody, on a group with users. */
import { CreateUserCommand, type CreateUserCommandInput, type ElastiCacheClient } from '@aws-sdk/client-elasticache'
import type { Attack } from './table.ts'
import { command, type Place, talk } from './wire.ts'

export type Name = 'greedy' | 'app' | 'reader' | 'gone'

export interface UsersTarget {
  readonly place: Place
  readonly client: ElastiCacheClient
  readonly engine: 'valkey' | 'redis'
  readonly passwordOf: (name: Name) => string
}

/** What each asks for. The first wants all that is closed, and by selectors too. */
export const accessOf: Readonly<Record<Name, string>> = {
  greedy:
    'on ~* &* +@all +@admin +config +config|get +acl|setuser +acl|list +debug +module|load +shutdown|nosave +psync|? +replicaof +cluster (~* &* +@all +config|set +acl|getuser +migrate +sync) (allkeys allcommands)',
  app: 'on ~app:* &app:* +@all',
  reader: 'on %R~app:* resetchannels -@all +@read +@connection',
  gone: 'off ~* +@all',
}

const treasure = 'the-treasure-of-others'
const wordsOf = (text: string): readonly string[] => text.split(' ')

const login = ({ passwordOf }: UsersTarget, name: Name): Buffer => command('AUTH', name, passwordOf(name))

/** Keys of others, of every type, and one of its own. */
const hidden = (target: UsersTarget): Promise<string> =>
  talk(
    target.place,
    login(target, 'greedy'),
    ...[
      `SET other:text ${treasure}`,
      `DEL other:list other:hash other:set other:sorted other:stream app:list app:stolen`,
      `RPUSH other:list ${treasure}`,
      `HSET other:hash field ${treasure}`,
      `SADD other:set ${treasure}`,
      `ZADD other:sorted 1 ${treasure}`,
      `XADD other:stream * field ${treasure}`,
      'RPUSH app:list text',
      'SET app:text mine',
    ].map((text) => command(...wordsOf(text))),
  )

const as =
  (name: Name, ...commands: readonly (readonly string[])[]): Attack<UsersTarget>['how'] =>
  async (target) => {
    await hidden(target)
    return talk(target.place, login(target, name), ...commands.map((words) => command(...words)))
  }

/** Every one of these is refused. */
const none =
  (name: Name, texts: readonly string[]): Attack<UsersTarget>['how'] =>
  async (target) => {
    await hidden(target)
    const answers = await Promise.all(texts.map((text) => talk(target.place, login(target, name), command(...wordsOf(text)))))
    const open = answers.flatMap((answer, index) => (/^\+OK\r\n-NOPERM/.test(answer) ? [] : [`${texts[index]}: ${answer}`]))
    return open.length === 0 ? `refused ${texts.length} of ${texts.length}` : open.join('\n')
  }

const all = /^refused (\d+) of \1$/

const reading: readonly string[] = [
  ...['GET other:text', 'MGET app:text other:text', 'GETRANGE other:text 0 -1', 'SUBSTR other:text 0 -1', 'STRLEN other:text'],
  ...[
    'GETEX other:text',
    'GETDEL other:text',
    'GETSET other:text x',
    'SET other:text x GET',
    'APPEND other:text x',
    'LCS app:text other:text',
  ],
  ...[
    'COPY other:text app:stolen',
    'RENAME other:text app:stolen',
    'RENAMENX other:text app:stolen',
    'DUMP other:text',
    'TYPE other:text',
  ],
  ...[
    'EXISTS other:text',
    'TOUCH other:text',
    'TTL other:text',
    'OBJECT ENCODING other:text',
    'MEMORY USAGE other:text',
    'WATCH other:text',
  ],
  ...[
    'GETBIT other:text 1',
    'BITCOUNT other:text',
    'BITOP OR app:stolen other:text',
    'BITFIELD_RO other:text GET u8 0',
    'PFCOUNT other:text',
  ],
  ...[
    'LRANGE other:list 0 -1',
    'LINDEX other:list 0',
    'LMOVE other:list app:stolen LEFT LEFT',
    'RPOPLPUSH other:list app:stolen',
  ],
  ...[
    'BLPOP app:none other:list 1',
    'BLMPOP 1 2 app:none other:list LEFT',
    'LPOS other:list x',
    'LMPOP 1 other:list LEFT',
    'SORT other:list',
  ],
  ...[
    'HGETALL other:hash',
    'HGET other:hash field',
    'HRANDFIELD other:hash',
    'HSCAN other:hash 0',
    'HVALS other:hash',
    'HMGET other:hash field',
  ],
  ...[
    'SMEMBERS other:set',
    'SUNION app:none other:set',
    'SUNIONSTORE app:stolen other:set',
    'SMOVE other:set app:stolen x',
    'SSCAN other:set 0',
  ],
  ...[
    'ZRANGE other:sorted 0 -1',
    'ZRANGESTORE app:stolen other:sorted 0 -1',
    'ZUNION 1 other:sorted',
    'ZUNIONSTORE app:stolen 1 other:sorted',
  ],
  ...[
    'XRANGE other:stream - +',
    'XREAD STREAMS other:stream 0',
    'XINFO STREAM other:stream',
    'XREAD BLOCK 1 STREAMS app:none other:stream 0 0',
  ],
  ...[
    'EVAL return(1) 1 other:text',
    'EVAL_RO return(1) 1 other:text',
    'DEL other:text',
    'UNLINK other:text',
    'EXPIRE other:text 1',
  ],
  ...[
    'SUBSCRIBE other',
    'PSUBSCRIBE *',
    'SSUBSCRIBE other',
    'PUBLISH other x',
    'SPUBLISH other x',
    'SUBSCRIBE __keyspace@0__:other:text',
  ],
]

const script = (code: string, ...keys: readonly string[]): readonly string[] => ['EVAL', code, String(keys.length), ...keys]

const within: readonly Attack<UsersTarget>[] = [
  { name: 'keys and channels of others by every command', how: none('app', reading), must: all },
  {
    name: 'keys of others by a script that does not name them',
    how: as('app', script("return redis.call('GET', 'other:' .. 'text')")),
    must: /^\+OK\r\n-[^\r]*(?:[Nn]o permissions|ACL failure|NOPERM|can't access)/,
    never: /treasure/,
  },
  {
    name: 'keys of others by a script that catches errors',
    how: as('app', script("local found = redis.pcall('GET', 'other:text'); return found")),
    must: /^\+OK\r\n-/,
    never: /treasure/,
  },
  {
    name: 'keys of others by a function',
    how: as(
      'app',
      [
        'FUNCTION',
        'LOAD',
        'REPLACE',
        "#!lua name=thief\nredis.register_function('thief', function() return redis.call('GET', 'other:text') end)",
      ],
      ['FCALL', 'thief', '0'],
    ),
    must: /-[^\r]*$/,
    never: /treasure/,
  },
  {
    name: 'keys of others by SORT … BY',
    how: as('app', ['SORT', 'app:list', 'BY', 'other:*']),
    must: /^\+OK\r\n-/,
    never: /treasure/,
  },
  {
    name: 'keys of others by SORT … GET',
    how: as('app', ['SORT', 'app:list', 'GET', 'other:*']),
    must: /^\+OK\r\n-/,
    never: /treasure/,
  },
  {
    name: 'fields of others by SORT_RO … GET',
    how: as('app', ['SORT_RO', 'app:list', 'GET', 'other:*->field']),
    must: /^\+OK\r\n-/,
    never: /treasure/,
  },
  {
    name: 'keys of others in a transaction',
    how: as('app', ['MULTI'], ['GET', 'other:text'], ['EXEC']),
    must: /^\+OK\r\n\+OK\r\n-NOPERM[^\r]*\r\n-EXECABORT/,
  },
  {
    name: 'writing by somebody who reads',
    how: none('reader', [
      ...[
        'SET app:text x',
        'DEL app:text',
        'GETEX app:text EX 1',
        'EXPIRE app:text 1',
        'RPUSH app:list x',
        'SORT app:list STORE app:stolen',
      ],
      ...[
        'EVAL return(1) 0',
        'FLUSHALL',
        'PUBLISH app:x y',
        'FUNCTION LIST',
        'BITFIELD app:text SET u8 0 1',
        'COPY app:text app:stolen',
      ],
    ]),
    must: all,
  },
]

const refusedLogin = /^-WRONGPASS[^\r]*\r\n-NOAUTH/

const entrance: readonly Attack<UsersTarget>[] = [
  ...(
    [
      ['the password of another user', 'app', (target) => target.passwordOf('greedy')],
      ['a user who is off', 'gone', (target) => target.passwordOf('gone')],
      ['a user in other letters', 'APP', (target) => target.passwordOf('app')],
      ['a user who does not exist', 'somebody', (target) => target.passwordOf('app')],
      ['the default user, without a password', 'default', () => ''],
      ['the default user, with the password of another', 'default', (target) => target.passwordOf('greedy')],
      ['Larder, with the password of a user', 'larder', (target) => target.passwordOf('greedy')],
    ] as readonly (readonly [string, string, (target: UsersTarget) => string])[]
  ).map(([name, user, password]) => ({
    name: `a login as ${name}`,
    how: (target: UsersTarget) => talk(target.place, command('AUTH', user, password(target)), command('GET', 'other:text')),
    must: refusedLogin,
  })),
  {
    name: 'a login with a password alone',
    how: (target) => talk(target.place, command('AUTH', target.passwordOf('greedy')), command('GET', 'other:text')),
    must: refusedLogin,
  },
  { name: 'no login', how: ({ place }) => talk(place, command('GET', 'other:text')), must: /^-NOAUTH/ },
  {
    name: 'another user by AUTH, after a login',
    how: as('app', ['AUTH', 'larder', ''], ['AUTH', 'default', ''], ['ACL', 'WHOAMI']),
    // Valkey 8.0 and 8.1 say nothing about a login that fails behind another answer.
    must: /^\+OK\r\n(?:-WRONGPASS[^\r]*\r\n){0,2}\$3\r\napp$/,
  },
]

/** Users that the API does not make: words that would become rules of the engine, or lines of its configuration. */
const notMade: readonly (readonly [string, Partial<CreateUserCommandInput>])[] = [
  ...[
    'on nopass ~* +@all',
    'on >a-password-in-it-0123 ~* +@all',
    `on #${'0'.repeat(64)} ~* +@all`,
    'on resetpass ~* +@all',
    'reset on ~* +@all',
    'on ~* +@all\nuser default on nopass ~* +@all',
    'on ~* +@all\u0000',
    'on ~"* +@all',
    "on ~'* +@all",
    'on ~\\x0a +@all',
    'on ~* +@all (~x +get',
    'on ~* ((~x +get))',
    'on ~* (on nopass +@all)',
    'on ~* (>password-of-16-chars +@all)',
    'on ~* +no-such-command',
    'on ~* +@no-such-category',
    'on ~* +config|get|x',
    'on %X~* +@all',
    'on sanitize-payload skip-sanitize-payload ~* +@all',
    'on ~* +@all load-module',
    // Engines would not start with these.
    'on ~* ~app:* +@all',
    'on allkeys %R~app:* +@all',
    'on ~* &* &app:* +@all',
    'on ~* (~* ~app:* +get)',
    '',
  ].map((AccessString) => [`access ${JSON.stringify(AccessString).slice(0, 60)}`, { AccessString }] as const),
  ...['larder', 'larder-replication', 'x on nopass', 'x\nuser', '', '"x"', 'x#y', '(x)', 'x'.repeat(200)].map(
    (UserName) => [`name ${JSON.stringify(UserName).slice(0, 40)}`, { UserName }] as const,
  ),
  ...[
    'short',
    'a password with spaces',
    'with-a-"-in-it-0123',
    'with,a,comma-0123456',
    'x'.repeat(129),
    'with\na-line-0123456',
  ].map((password): readonly [string, Partial<CreateUserCommandInput>] => [
    `password ${JSON.stringify(password).slice(0, 30)}`,
    { Passwords: [password] },
  ]),
]

const made: readonly Attack<UsersTarget>[] = notMade.map(([name, input], index) => ({
  name: `a user is not made with the ${name}`,
  how: ({ client, engine }) =>
    client
      .send(
        new CreateUserCommand({
          UserId: `hostile-${index}`,
          UserName: `hostile-${index}`,
          Engine: engine,
          AccessString: 'on ~* +@all',
          Passwords: ['a-good-password-0123'],
          ...input,
        }),
      )
      .then(
        () => 'it was made',
        (error: unknown) => (error instanceof Error ? error.name : String(error)),
      ),
  must: /^(?:InvalidParameterValue|InvalidParameterCombination|MalformedInput)/,
}))

export const usersAttacks: readonly Attack<UsersTarget>[] = [...entrance, ...within, ...made]
