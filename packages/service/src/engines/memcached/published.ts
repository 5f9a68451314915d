/**
 * The list of nodes under the key that clients of before 1.4.14 read. Clients may write, delete and evict it like any other: it is looked at again
 * and again, and stored anew where it is not the one that was stored.
 */
import type { Conversation } from './conversation.ts'

const discoveryKey = 'AmazonElastiCache:cluster'

const deadlineMs = 2_000
/** Nobody reads the key of a node that answers the question itself, but in the binary protocol. */
const seldomMs = 5_000
const oftenMs = 200

export interface Published {
  /** Rejects where the list could not be stored. */
  publish(text: string): Promise<void>
}

/** Looks after the key until the connection ends. */
export const keepPublished = (conversation: Conversation, every: { readonly oftenMs: number } = { oftenMs }): Published => {
  let wanted: string | null = null
  /** What the engine says of the item that was stored here. */
  let mark: string | null = null
  let everyMs = every.oftenMs
  let timer: NodeJS.Timeout | undefined
  let ended = false
  let storing: Promise<void> = Promise.resolve()

  const store = async (): Promise<void> => {
    if (wanted === null) return
    await conversation.store(discoveryKey, wanted, deadlineMs)
    mark = await conversation.mark(discoveryKey, deadlineMs)
  }
  /** One after the other: an older list never comes after a newer one. */
  const storeInTurn = (): Promise<void> => {
    storing = storing.then(store, store)
    return storing
  }
  const look = async (): Promise<void> => {
    const before = mark
    const found = await conversation.mark(discoveryKey, deadlineMs)
    if (mark === before && (found === null || found !== mark)) await storeInTurn()
  }
  const lookLater = (): void => {
    clearTimeout(timer)
    if (ended) return
    timer = setTimeout(() => {
      // A node that does not answer is found by others; it is looked at again.
      look().then(lookLater, lookLater)
    }, everyMs)
    timer.unref()
  }
  void conversation.closed.then(() => {
    ended = true
    clearTimeout(timer)
  })

  return {
    publish: async (text) => {
      wanted = text
      await storeInTurn()
      everyMs = (await conversation.answersDiscovery(deadlineMs)) ? seldomMs : every.oftenMs
      lookLater()
    },
  }
}
