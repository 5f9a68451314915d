/** Reads from the primaries what there is of everything that was acknowledged. */
import type { Reply } from '../packages/service/src/engines/valkey/resp.ts'
import { type Link, openLink } from './asking.ts'
import type { Ward } from './health.ts'
import type { Ledger, Loss } from './ledger.ts'

const deadlineMs = 10_000
const chunk = 5_000

const textsOf = (reply: Reply | undefined): readonly string[] => {
  if (!Array.isArray(reply)) throw reply instanceof Error ? reply : new TypeError(`expected a list, found ${String(reply)}`)
  return reply.map(String)
}

const wholeList = async (link: Link, list: string, length: number): Promise<readonly string[]> => {
  const found: string[] = []
  while (found.length < length) {
    const [part] = await link.send([['LRANGE', list, String(found.length), String(found.length + chunk - 1)]], deadlineMs)
    const texts = textsOf(part)
    if (texts.length === 0) break
    found.push(...texts)
  }
  return found
}

/**
 * No write into the lists of `before` may be under way. Lists whose length has not changed since they were read are not read again,
 * unless `all` is asked for. Returns what is lost since the last time.
 */
export const readBack = async (
  ward: Ward,
  ledger: Ledger,
  round: number,
  { all = false }: { readonly all?: boolean } = {},
): Promise<readonly Loss[]> => {
  const losses = await Promise.all(
    ward.shards.map(async (shard) => {
      const primary = shard.nodes.find((node) => node.id === ward.world.primaryOf(shard.group, shard.shard))
      if (primary === undefined) throw new Error(`expected ${shard.key} to have a primary`)
      const lists = ledger.listsOf(shard.key).filter((list) => !list.endsWith(`:${round + 1}`))
      const link = await openLink(primary, deadlineMs)
      try {
        const lengths = await link.send(
          lists.map((list) => ['LLEN', list]),
          deadlineMs,
        )
        const lost: Loss[] = []
        for (const [index, list] of lists.entries()) {
          const length = lengths[index]
          if (typeof length !== 'number') throw new TypeError(`expected a length of ${list}, found ${String(length)}`)
          if (!all && length === ledger.expectedLength(list)) continue
          lost.push(...ledger.read(list, await wholeList(link, list, length), round))
        }
        return lost
      } finally {
        link.close()
      }
    }),
  )
  return losses.flat()
}
