/**
 * Parameter groups against security: every parameter of every family, with values that try to become something else. Whatever is accepted may
 * change the directive of that parameter and nothing besides; and what the checks of the API refuse cannot get through the renderers either.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Fault, LarderError } from '../errors.ts'
import { families } from '../model/engine-versions.ts'
import { nodeType } from '../model/node-types.ts'
import { checkParameter, effectiveParameters, type ParameterDefinition, parametersOf } from '../model/parameters.ts'
import type { NodePlan } from '../ports/engine.ts'
import { adapterFor } from './index.ts'

const type = nodeType('cache.t4g.small') ?? assert.fail('no such type')

/** Directives and options by which somebody could get in, read or write files, load code, or take a node away from Larder. */
const closed: readonly string[] = [
  ...[
    'requirepass',
    'masterauth',
    'masteruser',
    'primaryauth',
    'primaryuser',
    'user',
    'aclfile',
    'protected-mode',
    'rename-command',
  ],
  ...[
    'enable-debug-command',
    'enable-module-command',
    'enable-protected-configs',
    'loadmodule',
    'include',
    'lua-enable-insecure-api',
  ],
  ...[
    'bind',
    'bind-source-addr',
    'port',
    'tls-port',
    'cluster-port',
    'unixsocket',
    'unixsocketperm',
    'socket-mark-id',
    'rdma-bind',
  ],
  ...[
    'dir',
    'dbfilename',
    'appendfilename',
    'appenddirname',
    'logfile',
    'pidfile',
    'syslog-enabled',
    'crash-log-enabled',
    'save',
  ],
  ...[
    'tls-cert-file',
    'tls-key-file',
    'tls-key-file-pass',
    'tls-ca-cert-file',
    'tls-ca-cert-dir',
    'tls-auth-clients',
    'tls-ciphers',
  ],
  ...['tls-auth-clients-user', 'tls-ciphersuites', 'tls-protocols', 'tls-replication', 'tls-cluster', 'tls-client-cert-file'],
  ...[
    'replicaof',
    'slaveof',
    'replica-announce-ip',
    'replica-announce-port',
    'replica-read-only',
    'replica-announced',
    'daemonize',
  ],
  ...[
    'cluster-enabled',
    'cluster-config-file',
    'cluster-announce-ip',
    'cluster-announce-hostname',
    'cluster-replica-no-failover',
  ],
  ...['supervised', 'server-cpulist', 'oom-score-adj', 'proc-title-template', 'set-proc-title', 'sanitize-dump-payload'],
]

/** Some harmless ones stand among them, so that there is something to be seen of what is accepted. */
const values: readonly string[] = [
  ...['0', '1', '2', '64', '100000', 'yes', 'no', 'KEA', 'always', 'noeviction'],
  '',
  ' ',
  'x\nrequirepass stolen',
  'yes\nuser default on nopass ~* &* +@all',
  '0\nprotected-mode no',
  '1\r\nloadmodule /tmp/x.so',
  '1\u0000',
  '1\u0085include /etc/passwd',
  '1\u2028enable-debug-command yes',
  'no"\nunixsocketperm 777',
  'yes" "no',
  "yes' 'no",
  '"',
  "'",
  '\\',
  '\\n',
  '\\x0aport 1',
  'yes no',
  'yes yes',
  '1 2',
  '1,2',
  'no # comment',
  '# comment',
  '1;shutdown',
  '$(touch /tmp/x)',
  '`id`',
  '../../etc/passwd',
  '/etc/passwd',
  '0.0.0.0',
  '::*',
  '1 -l 0.0.0.0',
  '1,ext_path=/tmp/x:1m',
  '1,ssl_key=/etc/shadow',
  'jenkins,proxy_config=/tmp/x.lua',
  '-1',
  '-0',
  '+1',
  ' 1',
  '1 ',
  '\t1',
  '1e3',
  '0x10',
  '010',
  '1.0',
  'NaN',
  'Infinity',
  '-Infinity',
  '9007199254740993',
  '9999999999999999999',
  '\uff11',
  '\u0661',
  'YES',
  'Yes',
  'true',
  'on',
  'CONFIG "" GET secret',
  'config,secret',
  'GET,',
  'K\nE',
  'KEA\u0000',
  '__proto__',
  'constructor',
  'x'.repeat(100_000),
]

const versions: Readonly<Record<string, string>> = {
  'redis2.6': '5.0.14',
  'redis2.8': '5.0.14',
  'redis3.2': '5.0.14',
  'redis4.0': '5.0.14',
  'redis5.0': '5.0.14',
  'redis6.x': '6.2.14',
  redis7: '7.0.15',
  valkey7: '7.2.9',
  valkey8: '8.0.1',
  valkey9: '9.1.2',
}

const planOf = (family: (typeof families)[number], parameters: Readonly<Record<string, string>>): NodePlan => ({
  id: 'demo-001',
  engine: {
    engine: family.engine,
    version: versions[family.family] ?? '1.6.18',
    source: 'path',
    path: '/x',
    command: ['/x/server'],
  },
  kind: family.engine === 'memcached' ? 'memcached' : 'cmd',
  address: '127.65.0.1',
  port: 6379,
  floating: [],
  folder: '/home/larder/nodes/demo-001',
  socket: '/home/larder/run/demo-001.sock',
  zone: 'us-east-1a',
  parameters,
  maxMemoryBytes: 1024 ** 3,
  cpus: 2,
  ioThreads: 1,
  runAs: null,
  secrets: { control: 'a', replication: 'b' },
  replicaOf: null,
})

/** Everything that the engine is told: the lines of its configuration, or the arguments and words of its command line. */
const told = (family: (typeof families)[number], parameters: Readonly<Record<string, string>>): readonly string[] => {
  const { files, launch } = adapterFor(family.engine).render(planOf(family, parameters))
  return family.engine === 'memcached'
    ? launch.command.flatMap((word, at) =>
        launch.command[at - 1] === '-o' ? word.split(',').map((each) => `-o ${each}`) : [word],
      )
    : Object.values(files).join('\n').split('\n')
}

const accepted = (family: string, name: string, value: string): boolean => {
  try {
    checkParameter(family, name, value)
    return true
  } catch (error) {
    assert.ok(error instanceof Fault && error.shape === 'InvalidParameterValueException', `${name}: ${String(error)}`)
    assert.ok(error.message.length < 4_000, `${name}: an answer of ${error.message.length} characters`)
    return false
  }
}

const differing = (before: readonly string[], after: readonly string[]): readonly string[] => {
  const known = new Set(before)
  return after.filter((line) => !known.has(line))
}

/** What this parameter may be called where it is told to the engine; a limit is one of twelve words. */
const own = ({ name, engineName }: ParameterDefinition): RegExp =>
  name.startsWith('client-output-buffer-limit-')
    ? /^client-output-buffer-limit (?:[a-z]+ \d+ \d+ \d+ ?){3}$/
    : new RegExp(`^${engineName} (?:[A-Za-z0-9$-]+|"[A-Za-z0-9$-]*")$`)

describe('parameter groups', () => {
  for (const family of families) {
    const definitions = parametersOf(family.family)
    const defaults = effectiveParameters(family.family, false, {}, type)

    it(`of ${family.family} reach no directive that guards a node`, () => {
      const reached = definitions.map(({ engineName }) => engineName)
      assert.deepEqual(
        closed.filter((name) => reached.includes(name)),
        [],
      )
      for (const name of closed) {
        assert.equal(accepted(family.family, name, 'yes'), false, name)
        assert.equal(accepted(family.family, name.toUpperCase(), ''), false, name)
      }
      for (const name of ['__proto__', 'constructor', '', 'timeout\nrequirepass', 'timeout ', 'TIMEOUT', 'maxmemory\u0000'])
        assert.equal(accepted(family.family, name, '0'), false, JSON.stringify(name))
      const renamed = definitions.some(({ name }) => name === 'rename-commands')
      for (const value of ['CONFIG x', 'GET secret', 'AUTH ""', 'ACL,', 'FLUSHALL'])
        if (renamed) assert.equal(accepted(family.family, 'rename-commands', value), false, value)
    })

    it(`of ${family.family} take no value that becomes anything else`, () => {
      const plain = told(family, defaults)
      let tried = 0
      let taken = 0
      for (const definition of definitions) {
        for (const value of values) {
          tried += 1
          if (!accepted(family.family, definition.name, value)) continue
          taken += 1
          const parameters = effectiveParameters(family.family, false, { [definition.name]: value }, type)
          const after = told(family, parameters)
          const where = `${definition.name}=${JSON.stringify(value)}`
          if (family.engine === 'memcached') {
            // A value is a word of its own; nothing that begins like an option comes in by it.
            for (const word of differing(plain, after)) assert.match(word, /^(?:-[CMF]|-o \w+(?:=[\w.-]+)?|-?[\w.]+)$/, where)
            for (const word of differing(plain, after))
              assert.doesNotMatch(word, /^-(?:[lpsuSYZdAxeDv]|o (?:ssl|ext|proxy|auth))/, where)
          } else {
            assert.ok(after.length <= plain.length, where)
            for (const line of differing(plain, after)) assert.match(line, own(definition), where)
          }
        }
      }
      assert.ok(tried > 1_000 && taken > 20, `${taken} of ${tried}`)
    })

    it(`of ${family.family}: what no check has seen is one word, or is not started at all`, () => {
      const plain = told(family, defaults)
      for (const { name, engineName } of definitions) {
        if (engineName === null || name.startsWith('client-output-buffer-limit-')) continue
        for (const value of values) {
          try {
            const after = told(family, { ...defaults, [name]: value })
            const changed = differing(plain, after)
            if (family.engine === 'memcached') {
              for (const word of changed) assert.doesNotMatch(word, /,/, `${name}=${JSON.stringify(value)}`)
            } else {
              assert.ok(changed.length <= 1 && after.length <= plain.length + 1, `${name}=${JSON.stringify(value)}`)
              for (const line of changed) assert.match(line, /^[a-z-]+ (?:[^\s"'#\\]+|"(?:[^"\\]|\\["\\])*")$/, name)
            }
          } catch (error) {
            assert.ok(error instanceof LarderError && error.code === 'engine-start', `${name}: ${String(error)}`)
          }
        }
      }
    })
  }
})
