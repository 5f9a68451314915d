/** One board in one shard. */
import { type Command, type Connection, type Reply, run, type Script } from '../connection/connection.ts'
import { bytesOf, createRows, type Entry, list, numberOf, type Row, type Update } from './rows.ts'
import { keyNames, type ScriptRules, scriptsOf } from './scripts.ts'

export interface BoardRules extends ScriptRules {
  /** With which all keys begin. */
  readonly prefix: string
  readonly order: 'high' | 'low'
  readonly most: number
  readonly shards: number
  /** Milliseconds since 1970. 0: it does not end. */
  readonly ends: number
}

export interface Board {
  update(entries: readonly Entry[]): Promise<readonly Update[]>
  members<D>(ids: readonly string[]): Promise<readonly (Row<D> | null)[]>
  page<D>(offset: number, count: number): Promise<readonly Row<D>[]>
  around<D>(id: string, before: number, after: number): Promise<readonly Row<D>[]>
  byScore<D>(lowest: number, highest: number, offset: number, count: number): Promise<readonly Row<D>[]>
  remove(ids: readonly string[]): Promise<number>
  size(): Promise<number>
  /** How many there are, and how many have a better score. Null: it is not there. */
  standing(id: string): Promise<{ readonly size: number; readonly ahead: number } | null>
  /** Of the last one in the order who is in that percentile. Null: nobody is there. */
  scoreAt(percentile: number): Promise<number | null>
  clear(): Promise<void>
}

export const longestPage = 1_000

/** What is asked of one of the shards. */
export const createShard = (rules: BoardRules, shard: number) => {
  const { prefix, most, ends } = rules
  const scripts = scriptsOf(rules)
  const keys = keyNames(rules).map((name) => `${prefix}:{${prefix}:${shard}}:${name}`)
  const [order = ''] = keys
  const head = [String(most), ends === 0 ? '' : String(ends)]
  const ask =
    (what: Script) =>
    (...args: readonly (string | Buffer)[]): Command =>
      run(what, keys, args)
  return {
    // Each shard keeps as many as the whole: which of them the best are is not known there.
    update: (entries: readonly string[]): Command => run(scripts.update, keys, [...head, ...entries]),
    remove: ask(scripts.remove),
    find: ask(scripts.find),
    page: (from: number, to: number): Command => run(scripts.page, keys, [String(from), String(to)]),
    around: (id: string, before: number, after: number): Command =>
      run(scripts.around, keys, [id, String(before), String(after)]),
    scores: ask(scripts.scores),
    standing: ask(scripts.standing),
    scoreAt: ask(scripts.scoreAt),
    pick: ask(scripts.pick),
    places: ask(scripts.places),
    aroundPlace: ask(scripts.aroundPlace),
    size: (): Command => ({ key: order, args: ['ZCARD', order] }),
    count: (from: string, to: string): Command => ({ key: order, args: ['ZCOUNT', order, from, to] }),
    clear: (): Command => ({ key: order, args: ['UNLINK', ...keys] }),
  }
}
export type Shard = ReturnType<typeof createShard>

export const createBoard = (connection: Connection, rules: BoardRules): Board => {
  const rows = createRows(rules)
  const shard = createShard(rules, 0)
  const ask = async (command: Command): Promise<Reply | undefined> => (await connection.send([command]))[0]?.value
  const rowsOf = <D>(reply: Reply | undefined): readonly Row<D>[] =>
    rows.many(reply).map((one) => rows.rowOf<D>(one, rows.rankOf(one)))

  return {
    update: async (entries) => rows.updates(entries, await ask(shard.update(rows.argumentsOf(entries)))),
    members: async <D>(ids: readonly string[]) => {
      const answers = list(await ask(shard.find(...ids)))
      return ids.map((id, index) => {
        const one = rows.one(id, answers[index])
        return one === null ? null : rows.rowOf<D>(one, rows.rankOf(one))
      })
    },
    page: async <D>(offset: number, count: number) => rowsOf<D>(await ask(shard.page(offset, offset + count - 1))),
    around: async <D>(id: string, before: number, after: number) => rowsOf<D>(await ask(shard.around(id, before, after))),
    byScore: async <D>(lowest: number, highest: number, offset: number, count: number) => {
      return rowsOf<D>(await ask(shard.scores(...rows.bounds(lowest, highest), String(offset), String(count))))
    },
    remove: async (ids) => numberOf(await ask(shard.remove(...ids))),
    size: async () => numberOf(await ask(shard.size())),
    standing: async (id) => {
      const [size, ahead] = list(await ask(shard.standing(id)))
      return size === undefined ? null : { size: numberOf(size), ahead: numberOf(ahead) }
    },
    scoreAt: async (percentile) => {
      const score = bytesOf(await ask(shard.scoreAt(String(percentile))))
      return score.length === 0 ? null : rows.scoreOf(numberOf(score))
    },
    clear: async () => {
      await ask(shard.clear())
    },
  }
}
