/** How long writers of applications had to wait. Pure. */
import type { Write } from './history.ts'

/** The longest time between two acknowledgements of one writer that touches the time from `from` to `to`; 0 where there are fewer than two. */
export const longestGap = (ends: readonly number[], from: number, to: number): number =>
  ends.reduce((longest, end, index) => {
    const before = ends[index - 1]
    if (before === undefined || end < from || before > to) return longest
    return Math.max(longest, end - before)
  }, 0)

/**
 * Of all writers to a shard, each for itself, the one that waited longest. `writes` in the order in which they ended, with those from before
 * `from`: a wait begins with the last write that went well.
 */
export const shardGap = (
  writes: readonly Write[],
  shard: string,
  isApplication: (writer: string) => boolean,
  from: number,
  to: number,
): number => {
  const ends = new Map<string, number[]>()
  for (const write of writes) {
    if (write.shard !== shard || write.outcome !== 'acknowledged' || !isApplication(write.writer)) continue
    const known = ends.get(write.writer)
    if (known === undefined) ends.set(write.writer, [write.end])
    else known.push(write.end)
  }
  return Math.max(0, ...[...ends.values()].map((each) => longestGap(each, from, to)))
}
