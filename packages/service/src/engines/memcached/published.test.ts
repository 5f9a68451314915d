/** The key that clients of old read, in real engines, whatever other clients do to it. */
import { describe, it } from 'node:test'
import { until } from '../../testing/busy-machine.ts'
import { installed, openYard, type RunningNode } from '../testing.ts'
import { type Conversation, openConversation } from './conversation.ts'
import { keepPublished } from './published.ts'

const key = 'AmazonElastiCache:cluster'
const text = '3\n127.65.0.1|127.65.0.1|11211 127.65.0.2|127.65.0.2|11211\n'
const deadlineMs = 2_000

const openTo = ({ plan: { address, port } }: RunningNode): Promise<Conversation> =>
  openConversation({ address, port }, null, deadlineMs)

const sabotage: Readonly<Record<string, (client: Conversation) => Promise<unknown>>> = {
  'is flushed': (client) => client.raw('flush_all', deadlineMs),
  'is deleted': (client) => client.raw(`delete ${key}`, deadlineMs),
  'is overwritten': (client) => client.store(key, 'rubbish', deadlineMs),
  'is overwritten by as many bytes': (client) => client.store(key, 'x'.repeat(text.length), deadlineMs),
  'gets an end': (client) => client.raw(`touch ${key} 100`, deadlineMs),
}

for (const engine of installed('memcached')) {
  describe(`Memcached ${engine.version}`, () => {
    for (const [what, harm] of Object.entries(sabotage)) {
      it(`has the list again at once after it ${what}`, async () => {
        await using yard = await openYard()
        const node = await yard.start(await yard.plan(engine))
        const client = await openTo(node)
        await keepPublished(client, { oftenMs: 5 }).publish(text)
        const other = await openTo(node)
        const before = await client.mark(key, deadlineMs)
        await harm(other)
        await until('it is stored anew', async () => {
          const mark = await client.mark(key, deadlineMs)
          return (
            mark !== null &&
            mark !== before &&
            (await node.control.command(['get', key])) === `VALUE ${key} 0 ${text.length}\r\n${text}\r\nEND`
          )
        })
        client.close()
        other.close()
      })
    }
  })
}
