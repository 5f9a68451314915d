/** Many writes at once into the primary of a shard while something is done to it: what is on its way then is what can be lost. */
import { ReplyError } from '../packages/service/src/engines/valkey/resp.ts'
import { openLink, type Place } from './asking.ts'
import type { Outcome, Write } from './history.ts'

export interface Burst {
  /** Resolves when every write has come to an end. */
  stop(): Promise<void>
}

export interface BurstPlan {
  readonly shard: string
  readonly tag: string
  readonly round: number
  readonly primary: Place
}

const inOnePiece = 50
/** So many pass while a failover goes on, and no more than can be read again in a moment. */
const mostWrites = 6_000
/** The stream to the replicas is to have something to carry. */
const idLength = 160
const deadlineMs = 2_000

const outcomeOf = (reply: unknown): Outcome => {
  if (reply instanceof ReplyError) return 'refused'
  return typeof reply === 'number' ? 'acknowledged' : 'unknown'
}

export const startBurst = ({ shard, tag, round, primary }: BurstPlan, keep: (write: Write) => void): Burst => {
  const writer = `burst:${shard}`
  const list = `${tag}:${writer}:${round}`
  let going = true

  const run = async (): Promise<void> => {
    const link = await openLink(primary, deadlineMs).catch(() => null)
    if (link === null) return // then nothing was written
    try {
      for (let count = 0; going && count < mostWrites; count += inOnePiece) {
        const ids = Array.from({ length: inOnePiece }, (_, index) => `${writer}-${round}-${count + index}-`.padEnd(idLength, 'x'))
        const start = performance.now()
        const settled = await Promise.all(
          ids.map((id) =>
            link.send([['RPUSH', list, id]], deadlineMs).then(
              ([reply]) => ({
                outcome: outcomeOf(reply),
                end: performance.now(),
                why: reply instanceof Error ? reply.message : null,
              }),
              (error: unknown) => ({ outcome: 'unknown' as const, end: performance.now(), why: String(error) }),
            ),
          ),
        )
        for (const [index, { outcome, end, why }] of settled.entries())
          keep({ id: ids[index] ?? '', shard, writer, list, round, start, end, outcome, witness: null, why })
        if (settled.some(({ outcome }) => outcome !== 'acknowledged')) break
      }
    } finally {
      link.close()
    }
  }
  const running = run()
  running.catch(() => undefined) // told by `stop`
  return {
    async stop() {
      going = false
      await running
    },
  }
}
