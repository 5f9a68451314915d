import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { LarderError } from '../../errors.ts'
import type { NodePlan } from '../../ports/engine.ts'
import { render } from './render.ts'

const plan = (changes: Partial<NodePlan> = {}): NodePlan => ({
  id: 'demo-001',
  engine: { engine: 'valkey', version: '9.1.2', source: 'path', path: '/x', command: ['/x/valkey-server'] },
  kind: 'cmd',
  address: '127.65.0.1',
  port: 6379,
  floating: ['127.64.0.1'],
  folder: '/home/larder/nodes/demo-001',
  socket: '/home/larder/run/demo-001.sock',
  zone: 'us-east-1a',
  parameters: {},
  maxMemoryBytes: 1024 ** 3,
  cpus: 4,
  ioThreads: 3,
  runAs: null,
  secrets: { control: 'the control password', replication: 'the replication password' },
  replicaOf: null,
  ...changes,
})

const configurationOf = (changes: Partial<NodePlan> = {}): readonly string[] =>
  String(render(plan(changes)).files['node.conf'] ?? '').split('\n')

describe('the configuration of a node', () => {
  it('binds its own address first and its floating ones after it', () => {
    assert.ok(configurationOf().includes('bind 127.65.0.1 127.64.0.1'))
  })

  it('lets no value of a parameter become a directive', () => {
    const plain = configurationOf({ parameters: { 'notify-keyspace-events': 'x' } }).length
    fc.assert(
      fc.property(
        fc.string({ unit: fc.oneof(fc.constantFrom('\n', '\r', '"', '\\', ' ', '#', "'", '\0'), fc.string()) }),
        (value) => {
          try {
            const lines = configurationOf({ parameters: { 'notify-keyspace-events': value } })
            assert.equal(lines.length, plain)
            const line = lines.find((each) => each.startsWith('notify-keyspace-events ')) ?? ''
            const text = line.slice('notify-keyspace-events '.length)
            const quoted = /^"((?:[^"\\]|\\.)*)"$/u.exec(text)?.[1]
            assert.equal(quoted === undefined ? text : quoted.replaceAll(/\\(.)/gu, '$1'), value)
          } catch (error) {
            assert.ok(error instanceof LarderError && /\p{Cc}/u.test(value), String(error))
          }
        },
      ),
    )
  })

  it('lets a node of a cluster live where it cannot write to its disk, if its version can', () => {
    const engine = plan().engine
    const word = 'cluster-config-save-behavior best-effort'
    assert.ok(configurationOf({ kind: 'cme' }).includes(word))
    assert.ok(!configurationOf({ kind: 'cmd' }).includes(word))
    assert.ok(!configurationOf({ kind: 'cme', engine: { ...engine, version: '9.0.1' } }).includes(word))
    assert.ok(!configurationOf({ kind: 'cme', engine: { ...engine, engine: 'redis', version: '7.2' } }).includes(word))
  })

  it('holds no password on the command line, and that of the control user nowhere', () => {
    const { files, launch } = render(plan())
    assert.ok(!launch.command.join(' ').includes('password'))
    assert.deepEqual(launch.environment, {})
    assert.ok(!Object.values(files).join('').includes('the control password'))
  })

  it('is what the process is recognised by', () => {
    const { launch } = render(plan())
    assert.ok(launch.command.includes(launch.tag))
    assert.ok(launch.tag.startsWith('/home/larder/nodes/demo-001/'))
  })

  it('shows to clients no path of the machine: in no directive that INFO, CLIENT LIST or HELLO repeat', () => {
    const logins = {
      module: '/home/larder/cache/auth.so',
      socket: '/home/larder/run/iam.sock',
      scope: 'x',
      seconds: 1,
      waitMs: 1,
    }
    const { files, launch } = render(plan({ logins }))
    const lines = String(files['node.conf']).split('\n')
    assert.ok(lines.includes('unixsocket ../../run/demo-001.sock'))
    assert.ok(lines.includes('loadmodule /proc/self/fd/4 ../../run/iam.sock x 1 1'))
    assert.deepEqual(launch.opened, ['/home/larder/nodes/demo-001/node.conf', '/home/larder/cache/auth.so'])
    assert.deepEqual(launch.command, ['/x/valkey-server', '/proc/self/fd/3', '--dir', '/home/larder/nodes/demo-001/'])
    assert.equal(launch.name, '/valkey-server')
    const installed = { ...plan().engine, command: ['/e/lib/ld.so', '--library-path', '/e/lib', '/e/valkey-server'] }
    assert.deepEqual(render(plan({ engine: installed })).launch.command.slice(0, 6), [
      ...['/e/lib/ld.so', '--argv0', '/valkey-server', '--library-path', '/e/lib', '/e/valkey-server'],
    ])
  })

  it('names only what the version knows', () => {
    const older = configurationOf({ engine: { ...plan().engine, engine: 'redis', version: '7.0.15' } }).join('\n')
    assert.ok(!older.includes('availability-zone') && !older.includes('dual-channel'))
    assert.ok(configurationOf().includes('availability-zone us-east-1a'))
    assert.ok(configurationOf().includes('io-threads 3'))
    assert.ok(!configurationOf({ ioThreads: 1 }).join('\n').includes('io-threads'))
  })

  it('gives the bus of a sharded group a port that exists', () => {
    assert.ok(configurationOf({ kind: 'cme', port: 6379 }).includes('cluster-port 16379'))
    assert.ok(configurationOf({ kind: 'cme', port: 60_000 }).includes('cluster-port 50000'))
  })

  it('is refused where the path of the socket is too long for the system', () => {
    assert.throws(() => render(plan({ socket: `/${'x'.repeat(100)}` })), LarderError)
  })
})
