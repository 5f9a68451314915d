/** Who shares a load with whom: never one that began before he asked. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { connectNodeRedis } from '../adapters/node-redis.ts'
import type { Connect } from '../connection/connection.ts'
import { createCache } from '../index.ts'
import { openServers, type Server, type Servers, until } from '../testing/servers.ts'

let servers: Servers
let server: Server
before(async () => {
  servers = await openServers()
  server = await servers.start()
})
after(() => servers[Symbol.asyncDispose]())

/** Answers about entries that are held back, and then come all at once. */
const answersHeld = () => {
  let hold: Promise<void> | null = null
  let release = (): void => undefined
  let held = 0
  const connect: Connect = async (how) => {
    const connection = await connectNodeRedis(how)
    return {
      ...connection,
      send: async (commands, options) => {
        const until = hold
        const answers = await connection.send(commands, options)
        if (until === null || commands[0]?.args[0] !== 'MGET') return answers
        held += 1
        await until
        return answers
      },
    }
  }
  return {
    connect,
    hold: (): void => {
      hold = new Promise((resolve) => {
        release = () => {
          hold = null
          resolve()
        }
      })
    },
    release: () => release(),
    count: () => held,
  }
}

it('who asks after an invalidation does not join a load of before it, also when his answer comes with that of one who asked earlier', {
  timeout: 20_000,
}, async () => {
  const answers = answersHeld()
  const reader = await createCache({ url: server.url, connect: answers.connect })
  const writer = await createCache({ url: server.url })
  const options = { tags: ['t'] }
  let version = 1
  let finish: (() => void) | null = null
  // One load is under way.
  const first = reader.get(
    'k',
    async () => {
      const found = version
      await new Promise<void>((resolve) => {
        finish = resolve
      })
      return found
    },
    options,
  )
  await until('it loads', () => finish !== null)
  const load = async () => version
  answers.hold()
  const before = reader.get('k', load, options)
  await until('it is answered', () => answers.count() === 1)
  version = 2
  await writer.invalidate(['t'])
  const afterwards = reader.get('k', load, options)
  await until('it is answered', () => answers.count() === 2)
  answers.release()
  assert.equal(await afterwards, 2)
  ;(finish as (() => void) | null)?.()
  assert.equal(await first, 1)
  assert.ok([1, 2].includes(await before))
  await Promise.all([reader.close(), writer.close()])
})
