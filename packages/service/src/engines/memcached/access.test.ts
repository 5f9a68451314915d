import assert from 'node:assert/strict'
import { rename, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { LarderError } from '../../errors.ts'
import { authTokenHash } from '../../model/auth-token.ts'
import type { Reach } from '../../model/memcached.ts'
import type { MemcachedLogin, NodePlan } from '../../ports/engine.ts'
import { installed, openYard, parametersFor } from '../testing.ts'
import { accessFiles, controlLogin, type Login, markLogin } from './access.ts'
import { openConversation } from './conversation.ts'
import { render } from './render.ts'

const [memcached] = installed('memcached')
assert.ok(memcached)

const loginWith = (...tokens: readonly string[]): MemcachedLogin => ({
  access: {
    users: [{ name: 'default', authentication: 'password', passwords: tokens.map(authTokenHash), accessString: 'on ~* +@all' }],
  },
  tokens,
  machineName: 'machine',
})
const tokens = ['token-of-some-length-1', 'token-of-some-length-2', 'token-of-some-length-3'] as const
const planOf = (login: MemcachedLogin, protocol = 'auto') => ({
  ...login,
  secrets: { control: 'the control password', replication: 'r' },
  address: '127.65.0.1',
  parameters: { binding_protocol: protocol },
})

const isLetIn = async (plan: NodePlan & { readonly reach: Reach }, login: Login | null): Promise<boolean> => {
  try {
    ;(await openConversation(plan, login, 1_000)).close()
    return true
  } catch (error) {
    assert.ok(error instanceof LarderError && error.code === 'engine-command', String(error))
    assert.ok(!tokens.some((token) => String(error).includes(token)))
    return false
  }
}

describe('the file of tokens', () => {
  it('always has as many lines, and whoever stays valid is found at any moment of the change', () => {
    const clientsOf = (...valid: readonly string[]): readonly string[] =>
      String(accessFiles(planOf(loginWith(...valid)))['tokens'])
        .split('\n')
        .slice(2, -1)
    const [a, b, c] = tokens
    const steps = [[a], [a, b], [b], [b, c], [c], [c, a], [a, b], [b, c]] as const
    for (const [index, step] of steps.slice(1).entries()) {
      const [before, after] = [clientsOf(...(steps[index] ?? [])), clientsOf(...step)]
      const staying = step.filter((token) => steps[index]?.some((other) => other === token))
      // The engine looks at one line after the other, at those of before up to some line and at those of after from there on.
      for (const token of staying)
        for (let cut = 0; cut <= before.length; cut += 1)
          assert.ok([...before.slice(0, cut), ...after.slice(cut)].includes(`default:${token}`), `${index} ${cut}`)
    }
  })

  it('opens nothing for Larder that another node or another token opens', () => {
    const [one, two] = [planOf(loginWith(tokens[0])), planOf(loginWith(tokens[1]))]
    assert.notEqual(controlLogin(one).password, controlLogin({ ...one, address: '127.65.0.2' }).password)
    assert.notEqual(markLogin(one, one.access).user, markLogin(two, two.access).user)
  })
})

describe('a node with tokens', () => {
  it('is told other ones while it runs; Larder comes in with a password of its own', async () => {
    await using yard = await openYard()
    const reach: Reach = { protocol: 'ascii', authenticates: true }
    const plan = { ...(await yard.plan(memcached, { memcachedLogin: loginWith(tokens[0]) })), reach }
    const node = await yard.start(plan)
    const [first, second, third] = tokens.map((password): Login => ({ user: 'default', password }))
    assert.ok(first && second && third)
    const inForce = async (): Promise<readonly boolean[]> =>
      Promise.all([first, second, third, null].map((login) => isLetIn(plan, login)))
    assert.deepEqual(await inForce(), [true, false, false, false])
    for (const [valid, expected] of [
      [
        [tokens[0], tokens[1]],
        [true, true, false, false],
      ],
      [[tokens[1]], [false, true, false, false]],
      [
        [tokens[1], tokens[2]],
        [false, true, true, false],
      ],
    ] as const) {
      const login = loginWith(...valid)
      for (const [name, content] of Object.entries(accessFiles({ ...plan, ...login })))
        await writeFile(join(plan.folder, name), content, { mode: 0o600 })
      process.kill(node.pid, 'SIGHUP')
      await node.control.setAccess(login.access)
      assert.deepEqual(await inForce(), expected)
    }
    assert.equal((await node.control.status()).pid, node.pid, 'connections that are open go on')
    await node.control.publishDiscovery('1\n127.0.0.1|127.0.0.1|11211\n')
  })

  it('is told the same in the binary protocol, where SASL asks for them', async () => {
    await using yard = await openYard()
    const reach: Reach = { protocol: 'binary', authenticates: true }
    const parameters = { ...parametersFor(memcached), binding_protocol: 'binary' }
    const machineName = hostname()
    const plan = {
      ...(await yard.plan(memcached, { memcachedLogin: { ...loginWith(tokens[0]), machineName }, parameters })),
      reach,
    }
    const node = await yard.start(plan)
    const logins = [...tokens, '', `${tokens[1]} `].map((password): Login => ({ user: 'default', password }))
    const strangers = ['nobody', 'default@elsewhere', 'larder'].map((user): Login => ({ user, password: tokens[1] }))
    const inForce = (): Promise<readonly boolean[]> => Promise.all([...logins, ...strangers].map((login) => isLetIn(plan, login)))
    const nobody = [false, false, false, false, false]
    assert.deepEqual(await inForce(), [true, false, false, ...nobody])
    for (const [valid, expected] of [
      [
        [tokens[0], tokens[1]],
        [true, true, false],
      ],
      [[tokens[1]], [false, true, false]],
      [
        [tokens[1], tokens[2]],
        [false, true, true],
      ],
      [[tokens[2]], [false, false, true]],
    ] as const) {
      const login = { ...loginWith(...valid), machineName }
      for (const [name, content] of Object.entries(accessFiles({ ...plan, ...login }))) {
        await writeFile(join(plan.folder, `${name}.new`), content, { mode: 0o600 })
        await rename(join(plan.folder, `${name}.new`), join(plan.folder, name))
      }
      await node.control.setAccess(login.access)
      assert.deepEqual(await inForce(), [...expected, ...nobody])
    }
    await node.control.ping(1_000)
    const { pid, version, maxMemoryBytes, clients } = await node.control.status()
    assert.deepEqual([pid, version, maxMemoryBytes], [node.pid, memcached.version, plan.maxMemoryBytes])
    assert.ok(clients >= 1)
    await node.control.publishDiscovery('1\n127.0.0.1|127.0.0.1|11211\n')
  })

  it('is controlled in the binary protocol also where nobody has to log in', async () => {
    await using yard = await openYard()
    const parameters = { ...parametersFor(memcached), binding_protocol: 'binary' }
    const node = await yard.start(await yard.plan(memcached, { parameters }))
    assert.equal((await node.control.status()).pid, node.pid)
  })

  it('is not started where it should do SASL and has no plugins for it', async () => {
    await using yard = await openYard()
    const parameters = { binding_protocol: 'binary' }
    const { saslPlugins: _none, ...bare } = memcached
    const plan = await yard.plan(bare, { memcachedLogin: loginWith(tokens[0]), parameters })
    assert.throws(() => render(plan), /expected the SASL plugins/)
  })
})
